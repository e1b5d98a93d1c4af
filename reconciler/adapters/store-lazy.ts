// The store that is loaded by its first use: most commands note nothing and ask for no history, and their start is measured.
import type { HistoryRecord } from '../../schema/history.js';
import type { Redactor } from '../../schema/redact.js';
import type { Store } from '../ports.js';
import type { StoreOptions } from './store.js';

/** Of samples only numbers are told, and there are many. */
const withoutSecrets = (record: HistoryRecord, redactor: Redactor): HistoryRecord =>
  record.kind === 'samples' ? record : redactor.value(record);

/** What is recorded is kept without secrets: in the database, and where it waits for it. */
export function openLazyStore({ redactor, ...options }: StoreOptions & { readonly redactor: Redactor }): Store {
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
    record: (record, kept) => later(store => store.record(withoutSecrets(record, redactor), kept)),
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
    auditHead: async log => (await open()).auditHead(log),
    audit: async ask => (await open()).audit(ask),
    close: async () => (await opened)?.close(),
  };
}
