// Which placements a person means, as the loop takes it.
export interface Selection {
  readonly services?: readonly string[];
  readonly group?: string;
  readonly machine?: string;
  readonly noDeps?: boolean;
}

interface LoopSelection {
  readonly only?: readonly string[];
  readonly group?: string;
  readonly machine?: string;
  readonly noDeps?: boolean;
}

/** No names at all mean everything, also when they come as an empty list. */
export function forLoop({ services, group, machine, noDeps }: Selection): LoopSelection {
  return {
    ...(services === undefined || services.length === 0 ? {} : { only: services }),
    ...(group === undefined ? {} : { group }),
    ...(machine === undefined ? {} : { machine }),
    ...(noDeps === undefined ? {} : { noDeps }),
  };
}
