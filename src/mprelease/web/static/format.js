// Values as a page shows them, and words of its language with what is to be filled in.

/** Returns a text in which each `{name}` is replaced by the parameter of that name. */
export function filled(words, parameters) {
  return words.replace(/\{(\w+)\}/g, (_, gap) => parameters[gap]);
}

/** Says how long something took, as the server does; nothing where that is not known. */
export function duration(milliseconds) {
  if (milliseconds === undefined) return "";
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")} min`;
}
