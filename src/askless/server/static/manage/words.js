// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (n) => whole.format(n);

export const several = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const percent = (share) => `${tenths.format(100 * share)} %`;

export const interval = ({ low, high }) => `${whole.format(100 * low)} to ${whole.format(100 * high)} %`;

export const preciseInterval = ({ low, high }) => `${tenths.format(100 * low)} to ${percent(high)}`;

export function money(amount, currency) {
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).format(amount);
  } catch {
    return `${amount.toFixed(2)} ${currency}`;
  }
}

export const seconds = (ms) => (ms === null ? "–" : `${tenths.format(ms / 1000)} s`);

export function ago(time, now = Date.now() / 1000) {
  const passed = Math.max(now - time, 0);
  if (passed < 5) return "now";
  if (passed < 90) return `${whole.format(passed)} s ago`;
  if (passed < 90 * 60) return `${whole.format(passed / 60)} min ago`;
  if (passed < 36 * 3600) return `${whole.format(passed / 3600)} h ago`;
  return `${whole.format(passed / 86400)} days ago`;
}

const inWords = (format) => (time) => new Intl.DateTimeFormat("en-GB", format).format(1000 * time);

export const hour = inWords({ hour: "2-digit", minute: "2-digit" });

export const date = inWords({ day: "numeric", month: "short" });

export const moment = inWords({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const day = inWords({ dateStyle: "medium" });
