// The turns of the one event loop are shared: of what many want little is done in each, so that a run never waits for all of it.

export type InTurn = (work: () => void) => void;

/** Does in each turn of the event loop so many of those that wait at most, in their order; none of them in the turn in which it came. */
export function shareTurns(most: number): InTurn {
  const waiting: (() => void)[] = [];
  let planned = false;
  function plan(): void {
    if (planned || waiting.length === 0) return;
    planned = true;
    setImmediate(takeTurn);
  }
  function takeTurn(): void {
    planned = false;
    const due = waiting.splice(0, most);
    plan();
    for (const work of due) work();
  }
  return work => {
    waiting.push(work);
    plan();
  };
}
