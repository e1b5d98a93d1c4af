// How it stands: changes of health, and what the controller last noted of itself.
import type { HistoryRecord } from '../../schema/history.js';
import type { ControllerTold } from '../../schema/live.js';
import { shared, type Subscriber } from './connection.js';

type Transitioned = Extract<HistoryRecord, { kind: 'transition' }>;

export interface Standing {
  hear(told: ControllerTold | Transitioned): void;
  follow(to: Subscriber): void;
}

export function openStanding(): Standing {
  const followers = new Set<Subscriber>();
  let noted: ControllerTold | undefined;
  return {
    hear: told => {
      if (told.kind === 'controller') noted = told;
      const message =
        told.kind === 'controller'
          ? shared({ type: 'controller', status: told.status })
          : shared({ type: 'health', transition: told.transition });
      for (const to of followers) to.send(message);
    },
    follow: to => {
      followers.add(to);
      to.signal.addEventListener('abort', () => followers.delete(to), { once: true });
      if (noted !== undefined) to.send(shared({ type: 'controller', status: noted.status }));
    },
  };
}
