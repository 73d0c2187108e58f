// How far an unfinished release is, as the server shows it (domain/progress.py, i18n/progress.py,
// web/rail.py). Releases are those of the live socket.

const SLOW = 1.5;
const MOST = 0.97; // a stage that takes longer than usual does not look complete
const IN_SECONDS = 90;

const since = ({ started_at }, now) => Math.max(0, now - Date.parse(started_at));

/** Returns how long a release is still expected to run, in ms; null without an estimate. */
export function remaining({ estimate, stages }, now) {
  if (!estimate) return null;
  const rest = stages.map((stage) => {
    const usual = estimate.stages_ms[stage.name] ?? 0;
    if (stage.ended_at) return 0;
    return stage.started_at ? Math.max(0, usual - since(stage, now)) : usual;
  });
  return rest.reduce((sum, each) => sum + each, 0);
}

/** Returns how many times its estimate a release has taken; null unless it is slow. */
export function slowness({ state, estimate, stages }, now) {
  if (state !== "running" || !estimate || !stages[0]?.started_at) return null;
  const ratio = since(stages[0], now) / Math.max(1, estimate.expected_ms);
  return ratio >= SLOW ? ratio : null;
}

/** Returns how long an unfinished release still takes, or how slow it is; "" if that is unknown. */
export function progress(release, now, t) {
  if (release.queue) {
    const { estimate } = release;
    return estimate ? t("once-started", { time: time(estimate.expected_ms, "time-", t) }) : "";
  }
  const factor = slowness(release, now);
  if (factor) return t("slow", { factor: factor.toFixed(1).replace(".0", "") });
  const rest = remaining(release, now);
  if (rest === null) return "";
  return rest > 0 ? time(rest, "", t) : t("almost");
}

function time(milliseconds, prefix, t) {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
  return seconds < IN_SECONDS
    ? t(`${prefix}seconds`, { count: seconds })
    : t(`${prefix}minutes`, { count: Math.round(seconds / 60) });
}

/** Returns the part of each stage that is done, by name, from 0 to 1. */
export function partsDone({ estimate, stages }, now) {
  const part = (stage) => {
    const usual = estimate?.stages_ms[stage.name];
    if (stage.ended_at) return 1;
    return stage.started_at && usual ? Math.min(MOST, since(stage, now) / usual) : 0;
  };
  return Object.fromEntries(stages.map((stage) => [stage.name, part(stage)]));
}
