// Formats durations, and fills parameters into translated texts.

/** Returns a text in which each `{name}` is replaced by the parameter of that name. */
export function filled(words, parameters) {
  return words.replace(/\{(\w+)\}/g, (_, gap) => parameters[gap]);
}

/** Formats a duration in ms like the server does; "" for undefined. */
export function duration(milliseconds) {
  if (milliseconds === undefined) return "";
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}
