/**
 * The hour in a row's key. It is chosen once, from the time that the first record of the entity states, and stays:
 * so an update of the time leaves no second row behind, not even one written late by a stalled writer. Only a time
 * more than a day away moves the row.
 */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How far a client's clock may run ahead of ours. */
export const clockSkewMs = 5 * 60_000;

/** ClickHouse's DateTime ends in 2106. */
const keyHourMax = Date.UTC(2106, 0, 1);

/** The whole hour that a moment lies in; both in epoch milliseconds. */
export function hourOf(ms: number): number {
  return Math.floor(ms / hourMs) * hourMs;
}

/** The hour for an entity of this time and first receipt (epoch milliseconds), given the hour it has had so far. */
export function keyHourOf(time: number, createdAt: number, held: number | undefined): number {
  const plausible = Math.min(time, createdAt + clockSkewMs);
  const wanted = Math.min(Math.max(hourOf(plausible), 0), keyHourMax);
  return held !== undefined && Math.abs(wanted - held) <= dayMs ? held : wanted;
}

/**
 * The key hours in which rows with a time within [from, to] lie, in epoch milliseconds; null for an open end.
 * A time in the future is kept under the hour of its receipt, so `from` counts no later than now.
 */
export function keyHourBounds(
  from: number | null,
  to: number | null,
  now: number,
): { readonly from: number | null; readonly to: number | null } {
  return {
    from: from === null ? null : Math.max(hourOf(Math.min(from, now)) - dayMs - hourMs, 0),
    to: to === null ? null : Math.min(Math.max(hourOf(to) + dayMs, 0), keyHourMax),
  };
}
