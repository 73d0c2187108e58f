// Decisions about releases and their changes. A change is { now, before }; `before` is undefined for
// a release that is new to this page.
import { duration } from "./format.js";

const FINAL = ["succeeded", "failed", "canceled", "unknown"];

export const isFinal = ({ state }) => FINAL.includes(state);

const hasEnded = ({ now, before }) => isFinal(now) && before && !isFinal(before);

/** Returns the releases for notifications to `me`, and those for toasts on a page of an app. */
export function notable(changed, me, app) {
  const own = changed.filter((change) => change.now.requested_by === me && hasEnded(change));
  const others = changed.filter(
    (change) =>
      change.now.requested_by !== me && change.now.app === app && (hasEnded(change) || !change.before),
  );
  return { own: own.map(({ now }) => now), others: others.map(({ now }) => now) };
}

/** Returns what a queued release waits for, to compare it. */
const reason = ({ queue }) => queue && `${queue.reason} ${queue.release}`;

/**
 * Returns whether the page must be fetched to show a change. `region` is the page's part that shows
 * releases, with { app, release } if it is restricted to them; `isShown`: it contains this release.
 */
export function isWorthFetching({ now, before }, region, isShown) {
  if (!region) return false;
  const { app, release } = region;
  if ((app && app !== now.app) || (release && Number(release) !== now.id)) return false;
  if (!before) return !isShown || isFinal(now);
  if (before.state !== now.state) return isFinal(now) || !isShown;
  return before.commit?.id !== now.commit?.id || reason(before) !== reason(now);
}

/** Returns the stages to show: { name, state, since, time }; `since` (ms) for a running stage. */
export function shownStages(release, t) {
  // Stages that did not begin before the release ended are rendered by the server.
  const stages = release.stages.filter(({ state }) => !(isFinal(release) && state === "pending"));
  return stages.map(({ name, state, started_at, ended_at, cached }) => {
    const [began, ended] = [started_at, ended_at].map((time) => time && Date.parse(time));
    const took = ended && duration(ended - began) + (cached ? ` · ${t("cached")}` : "");
    return { name, state, since: began && !ended ? began : null, time: took ?? (began ? null : "") };
  });
}
