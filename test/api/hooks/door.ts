// The door of webhooks without a network: the server as it is built, before an engine that only notes what it is asked.
import { buildServer } from '../../../api/server.js';
import { createEngine, type Refusal } from '../../../reconciler/engine.js';
import { resolveSettings } from '../../../reconciler/settings.js';
import type { AppError } from '../../../schema/errors.js';

export interface DoorParts {
  readonly webhookSecrets: readonly string[];
  readonly perform: (name: string, input: object, actor: object) => Promise<unknown>;
  readonly onRefused?: (refusal: Refusal) => void;
  readonly onFault?: (error: AppError) => void;
}

const settings = resolveSettings({ flags: {}, env: { HOME: '/nowhere' }, uid: 1000 });
const { describe, listen, redactor } = createEngine({
  settings,
  open: () => Promise.reject(new Error('opened')),
  close: async () => undefined,
});

export const openDoor = ({ webhookSecrets, perform, onRefused, onFault }: DoorParts) =>
  buildServer({
    engine: {
      describe,
      listen,
      perform: perform as never,
      refused: refusal => onRefused?.(refusal),
      redactor,
    },
    auth: { tokens: { find: async () => undefined, list: async () => [] } },
    version: '1',
    ready: () => true,
    onFault: error => onFault?.(error),
    webhookSecrets,
  });
