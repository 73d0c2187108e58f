// What follows from how a release stands, and from what has changed of it: { now, before }, where
// `before` is missing for a release of which this page has not heard yet.
import { duration } from "./format.js";

const FINAL = ["succeeded", "failed", "canceled", "unknown"];

export const isFinal = ({ state }) => FINAL.includes(state);

const hasEnded = ({ now, before }) => isFinal(now) && before && !isFinal(before);

/** Returns the changes of which `me` is notified, and those that a page of an app mentions. */
export function notable(changed, me, app) {
  const own = changed.filter((change) => change.now.requested_by === me && hasEnded(change));
  const others = changed.filter(
    (change) =>
      change.now.requested_by !== me && change.now.app === app && (hasEnded(change) || !change.before),
  );
  return { own: own.map(({ now }) => now), others: others.map(({ now }) => now) };
}

/**
 * Tells whether a change is more than what a page can show by itself. `region` is the part of it that
 * shows releases, { app, release } where it shows those alone; `isShown` whether it names this one.
 */
export function isWorthFetching({ now, before }, region, isShown) {
  if (!region) return false;
  const { app, release } = region;
  if ((app && app !== now.app) || (release && Number(release) !== now.id)) return false;
  if (!before) return !isShown || isFinal(now);
  return before.state !== now.state ? isFinal(now) || !isShown : before.commit?.id !== now.commit?.id;
}

/** Returns the stages as they are shown: { name, state, since, time }; `since` of one that runs. */
export function shownStages(release, t) {
  // What a release came to that has ended before all stages began, the server's page says.
  const stages = release.stages.filter(({ state }) => !(isFinal(release) && state === "pending"));
  return stages.map(({ name, state, started_at, ended_at, cached }) => {
    const [began, ended] = [started_at, ended_at].map((time) => time && Date.parse(time));
    const took = ended && duration(ended - began) + (cached ? ` · ${t("cached")}` : "");
    return { name, state, since: began && !ended ? began : null, time: took ?? (began ? null : "") };
  });
}
