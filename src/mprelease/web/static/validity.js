// How long a QR code can still be scanned, as the server shows it (web/code_display.py).
import { filled } from "./format.js";

const DAY = 86400;
const two = (number) => String(number).padStart(2, "0");

/** Formats a remaining time in ms: 24:10, 3:24:10, or `days` with {days} and {hours} filled in. */
export function timeLeft(milliseconds, days) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds >= DAY) {
    return filled(days, { days: Math.floor(seconds / DAY), hours: Math.floor((seconds % DAY) / 3600) });
  }
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  return seconds < 3600 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`;
}

/** Returns what is left of the time of a code, in whole percent. */
export function percentLeft(made, expires, now) {
  const part = (expires - now) / Math.max(1, expires - made);
  return Math.round(100 * Math.min(1, Math.max(0, part)));
}
