// How it stands: changes of health, and what the controller last noted of itself.
import type { HistoryRecord } from '../../schema/history.js';
import type { ControllerTold } from '../../schema/live.js';
import type { Subscriber } from './connection.js';
import type { Write } from './shared.js';

type Transitioned = Extract<HistoryRecord, { kind: 'transition' }>;

export interface Standing {
  hear(told: ControllerTold | Transitioned): void;
  follow(to: Subscriber): void;
}

export function openStanding(write: Write): Standing {
  const followers = new Set<Subscriber>();
  let noted: ControllerTold | undefined;
  return {
    hear: told => {
      if (told.kind === 'controller') noted = told;
      const message =
        told.kind === 'controller'
          ? write({ type: 'controller', status: told.status })
          : write({ type: 'health', transition: told.transition });
      for (const to of followers) to.send(message);
    },
    follow: to => {
      followers.add(to);
      to.signal.addEventListener('abort', () => followers.delete(to), { once: true });
      if (noted !== undefined) to.send(write({ type: 'controller', status: noted.status }));
    },
  };
}
