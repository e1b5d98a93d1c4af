// A post that remembers what it was given, and refuses what a test wants refused.
import type { Parcel, Post, PostLimits } from '../../schema/notify.js';

export interface FakePost extends Post {
  /** Titles and texts of webhooks, by address, in order. */
  readonly taken: { readonly url: string; readonly state: string; readonly title: string; readonly text: string }[];
  /** Called before anything is taken; may throw as a service does, or hang. */
  before: (url: string, limits: PostLimits) => Promise<void>;
}

/** Takes parcels of webhooks, whose bodies say all. */
export function createFakePost(): FakePost {
  const post: FakePost = {
    taken: [],
    before: async () => undefined,
    reveal: async reference => `https://${reference.slice(reference.indexOf(':') + 1).toLowerCase()}.test/`,
    async send(parcel: Parcel, limits) {
      if (parcel.via !== 'http') throw new TypeError('only webhooks are taken');
      await post.before(parcel.url, limits);
      const { state, title, text } = JSON.parse(parcel.body) as { state: string; title: string; text: string };
      post.taken.push({ url: parcel.url, state, title, text });
      return '200 OK';
    },
  };
  return post;
}
