// The store in memory keeps the contract that the real one keeps.
import { createFakeStore } from '../fakes/store.js';
import { storeContract } from '../contracts/store.js';

storeContract('the store in memory', async () => ({
  store: createFakeStore(),
  settle: async () => undefined,
  stop: async () => undefined,
}));
