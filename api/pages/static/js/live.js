// The event stream of one search. EventSource resumes by itself with Last-Event-ID; when it gives up, we resume by ?after=.

export const NAMES = ["snapshot", "state", "trial", "front", "progress", "log", "condition", "measurement", "model", "ask", "attempt", "verify", "confirm", "export", "prepared", "end", "shutdown"];

export class Live {
  constructor(id, { onEvent, onConnection }) {
    this.id = id;
    this.onEvent = onEvent;
    this.onConnection = onConnection;
    this.seq = 0;
    this.wait = 1000;
    this.ended = false;
  }

  open() {
    this.close();
    const position = this.seq ? `?after=${this.seq}` : "";
    this.source = new EventSource(`/v1/searches/${this.id}/events${position}`);
    this.source.onopen = () => { this.wait = 1000; this.onConnection("live"); };
    this.source.onerror = () => this.failed();
    for (const name of NAMES) this.source.addEventListener(name, (event) => this.take(name, event));
  }

  close() {
    window.clearTimeout(this.timer);
    if (this.source) this.source.close();
  }

  take(name, event) {
    const data = JSON.parse(event.data);
    if (data.seq) this.seq = Math.max(this.seq, data.seq);
    if (name === "shutdown") this.onConnection("away");
    if (name === "end") {
      this.ended = true;
      this.close();
      this.onConnection("ended");
    }
    this.onEvent(name, data);
  }

  failed() {
    if (this.ended) return;
    this.onConnection("away");
    if (this.source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    this.timer = window.setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, 15000);
  }
}
