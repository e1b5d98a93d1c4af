// What a forge tells us by a webhook, when its signature fits: a hint where to look again. It never says what is deployed.

export const forges = ['github', 'gitlab', 'gitea', 'forgejo', 'bitbucket', 'generic'] as const;
export type Forge = (typeof forges)[number];

/** `ping`: the forge tries whether somebody answers. `other`: an event that nothing is done about. */
export const hintKinds = ['push', 'pull-request', 'ping', 'other'] as const;
export type HintKind = (typeof hintKinds)[number];

/** Read from a payload whose signature fits. Commit ids are left out on purpose: nobody can go by them. */
export interface HookHint {
  readonly forge: Forge;
  readonly kind: HintKind;
  /** All addresses and names that it gives for the repository; of a pull request: for the one that it shall go into. Empty: none. */
  readonly repositories: readonly string[];
  /** Of a push: branches that moved, empty where it says none. Of a pull request: the one that it shall go into. */
  readonly branches: readonly string[];
  /** Of a pull request: its number within that repository. */
  readonly number?: number;
}

/**
 * `woken`: the repository is looked at now. `folded`: a look that is due sees to it. `handed-on`: a pull request is looked
 * at. `ignored`: it was understood, and nothing is to be done. `refused`: nobody knows who sent it, or it cannot be read.
 */
export const verdicts = ['woken', 'folded', 'handed-on', 'ignored', 'refused'] as const;
export type Verdict = (typeof verdicts)[number];

/** What is answered to a forge. */
export interface HookAnswer {
  readonly verdict: Verdict;
  /** One sentence for the person who looks at the forge's list of deliveries. */
  readonly why: string;
}

/** What is kept of deliveries: those that say the same within a minute are one, counted. Instants are milliseconds since 1970. */
export interface Delivery extends HookAnswer {
  readonly id: string;
  readonly at: number;
  /** When the last of them came. */
  readonly lastAt: number;
  readonly times: number;
  readonly forge: Forge;
  readonly kind?: HintKind;
  /** As the payload names it first. */
  readonly repository?: string;
  readonly branch?: string;
  readonly number?: number;
}

/** How it stands with webhooks since the controller was started. */
export interface WebhookCounts {
  readonly accepted: number;
  readonly refused: number;
  /** The newest ones, newest first. */
  readonly last: readonly Delivery[];
}
