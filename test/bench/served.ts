// The small fleet with an engine and its HTTP server, in this process, asked by everybody from one address without a token.
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type * as Servers from '../../api/server.js';
import type * as Main from '../../reconciler/main.js';
import { built, openSmallFleet, type SmallFleet } from './embedded.js';

const actor = { name: 'bench', by: 'cli' } as const;

/** All that a bench asks comes from one address. */
const unlimited = { requests: { burst: 1e9, perMinute: 1e9 } };

/** Nobody answers there: what is measured is measured without a database. */
const noDatabase = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };

export const addressOf = (server: FastifyInstance, path: string): string =>
  `127.0.0.1:${(server.server.address() as AddressInfo).port}${path}`;

export interface Served {
  readonly fleet: SmallFleet;
  /** It listens. */
  readonly server: FastifyInstance;
  /** One run, which must settle; the milliseconds it took. */
  reconcile(): Promise<number>;
  close(): Promise<void>;
}

export async function openServed(): Promise<Served> {
  const { openEngine } = await built<typeof Main>('main');
  const { buildServer } = await built<typeof Servers>('../api/server');
  const fleet = await openSmallFleet();
  const flags = { repo: fleet.repo, stateDir: fleet.stateDir };
  const engine = openEngine({ flags, env: { ...fleet.env, ...noDatabase }, cwd: fleet.repo, uid: 1, logs: false });
  const onFault = (error: Error): never => {
    throw error;
  };
  const parts = { engine, version: 'bench', ready: () => true, onFault, limits: unlimited } as const;
  const server = await buildServer({ ...parts, auth: 'none' });
  await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    fleet,
    server,
    async reconcile() {
      const began = performance.now();
      const report = await engine.perform('reconcile', {}, actor, new AbortController().signal);
      const tookMs = performance.now() - began;
      if (report.next.next !== 'settled') throw new Error(JSON.stringify(report));
      return tookMs;
    },
    async close() {
      await server.close();
      await engine.close();
      await fleet.remove();
    },
  };
}
