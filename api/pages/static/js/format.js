// Numbers and plans as words.

export const fixed = (value, digits = 2) => (value === null || value === undefined ? "-" : value.toFixed(digits));
export const ms = (value, digits = 2) => (value === null || value === undefined ? "-" : `${value.toFixed(digits)} ms`);
export const short = (value) => (value === null || value === undefined ? "-" : String(Number(value.toPrecision(4))));

export function interval(point) {
  if (point.low_ms === null || point.high_ms === null) return "too few samples for an interval";
  return `95 % interval ${point.low_ms.toFixed(2)} to ${point.high_ms.toFixed(2)} ms`;
}

export const planWords = (plan) => Object.entries(plan).map(([name, value]) => `${name} ${value}`).join(", ");

const NAMES = { bbox_mAP: "box mAP", segm_mAP: "mask mAP", top1: "top-1", top5: "top-5" };
export const metricName = (metric) => NAMES[metric] || metric;

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(Math.round(seconds), 1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
