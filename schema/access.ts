// Who may ask for what: roles, and the tokens that stand for people and programs.

/** Each may do what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export const allows = (has: Role, needed: Role): boolean => roles.indexOf(has) >= roles.indexOf(needed);

export interface ApiToken {
  readonly id: string;
  /** Stands in history as who asked. */
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface NewToken extends ApiToken {
  /** The token itself: shown once, kept nowhere. */
  readonly token: string;
}

export type TokenWish = Pick<ApiToken, 'name' | 'role'> & { readonly lifeMs: number };

/** How long one lives when nothing else was said, and at most. */
export const defaultLifeMs = 90 * 86_400_000;
export const longestLifeMs = 366 * 86_400_000;

/** The tokens of a controller. All methods throw `state-dir-unusable`. */
export interface TokenBook {
  /** Where they are kept. */
  readonly folder: string;
  create(wish: TokenWish): Promise<NewToken>;
  /** There was a token before, even if it is gone. */
  hadOne(): Promise<boolean>;
  /** The very first one, for an admin; undefined where a controller had one before, even if it is gone. */
  createFirst(): Promise<NewToken | undefined>;
  /** Oldest first, with those that have expired. */
  list(): Promise<readonly ApiToken[]>;
  /** By id or name. Throws `unknown-name` for none, `usage` for a name that several have. */
  revoke(idOrName: string): Promise<ApiToken>;
  /** Whose token this is; undefined for one that is unknown, revoked or expired. */
  find(token: string): Promise<ApiToken | undefined>;
}
