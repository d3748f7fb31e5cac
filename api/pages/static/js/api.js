// Talking to the API: JSON in, JSON out, problems as errors.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `the service answered ${status}`);
    this.status = status;
    this.errors = body.errors || [];
    this.body = body;
  }
}

export class Unreachable extends Error {
  constructor() {
    super("The service cannot be reached. It may be restarting; nothing is lost.");
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable();
  }
  if (answer.status === 401) {
    window.location.reload(); // the service answers a browser with its sign-in page
    throw new Problem(401, { detail: "Please sign in again." });
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, body);
}

export async function getJson(path, signal) {
  return (await ask(path, { headers: { Accept: "application/json" }, signal })).json();
}

export async function getHtml(path, signal) {
  return (await ask(path, { headers: { Accept: "text/html" }, signal })).text();
}

export async function sendJson(method, path, body, headers = {}, signal = undefined) {
  const options = { method, headers: { Accept: "application/json", ...headers }, signal };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.json();
}
