// The store that is loaded by its first use: most commands note nothing and ask for no history, and their start is measured.
import type { Store } from '../ports.js';
import type { StoreOptions } from './store.js';

export function openLazyStore(options: StoreOptions): Store {
  let opened: Promise<Store> | undefined;
  let store: Store | undefined;
  const open = (): Promise<Store> => (opened ??= load());
  async function load(): Promise<Store> {
    store = (await import('./store.js')).openStore(options);
    return store;
  }
  /** In the order of the calls; a program that cannot be loaded is told once. */
  const later = (act: (store: Store) => void): void => {
    open().then(act, (err: unknown) => options.log.error({ err }, 'history is not kept'));
  };
  return {
    record: (record, kept) => later(store => store.record(record, kept)),
    serve: () => later(store => store.serve()),
    state: () => store?.state() ?? { state: 'starting' },
    deployments: async ask => (await open()).deployments(ask),
    deployment: async prefix => (await open()).deployment(prefix),
    events: async ask => (await open()).events(ask),
    transitions: async (key, since) => (await open()).transitions(key, since),
    transitionsSince: async ask => (await open()).transitionsSince(ask),
    deliveries: async limit => (await open()).deliveries(limit),
    samples: async ask => (await open()).samples(ask),
    spans: async ask => (await open()).spans(ask),
    newest: async machine => (await open()).newest(machine),
    close: async () => (await opened)?.close(),
  };
}
