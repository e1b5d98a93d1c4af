// Telling people: where to, of what, and the messages themselves, as plain data.

/** What can be told. `later`: its engine is not there yet, so it may be asked for and is not told. */
export const notifyKinds = {
  'deploy.failed': { what: 'a change failed, until it stands as the registry says' },
  'deploy.done': { what: 'what was changed, one message for each run', quiet: true },
  'deploy.blocked': { what: 'something keeps a service from being brought up' },
  drift: { what: 'somebody changed a machine: put back, or left so by policy' },
  'approval.needed': { what: 'a plan waits for a person' },
  'service.down': { what: 'a service became unhealthy by itself' },
  'machine.down': { what: 'a machine cannot be reached, or may not be worked on' },
  'git.held': { what: 'the branch was rewritten, and is not followed' },
  'git.down': { what: 'the repository cannot be had, for five minutes' },
  'registry.refused': { what: 'the newest registry has errors; the last good one stays in force' },
  'controller.isolated': { what: 'no machine can be reached: the controller is cut off' },
  'controller.failed': { what: 'passes of the controller come to nothing' },
  'problem.open': { what: 'healing found a problem', later: true },
  'problem.solved': { what: 'healing solved it', later: true },
  'cert.expiring': { what: 'a certificate is about to expire', later: true },
} as const satisfies Record<
  string,
  { readonly what: string; readonly later?: true; /** Told only to who asks for it. */ readonly quiet?: true }
>;

export type NotifyKind = keyof typeof notifyKinds;
export const notifyKindNames = Object.keys(notifyKinds) as readonly NotifyKind[];

export const notifyTypes = ['webhook', 'slack', 'discord', 'ntfy', 'gotify', 'telegram', 'matrix', 'email'] as const;
export type NotifyType = (typeof notifyTypes)[number];

/** Every day between two times of day, minutes since midnight in a zone; `from` after `to`: over midnight. */
export interface QuietHours {
  readonly from: number;
  readonly to: number;
  /** Name of the time zone database. */
  readonly zone: string;
}

/** Where messages go. Values that begin with `env:` or `file:` are references, resolved at the moment of sending. */
export interface Destination {
  readonly name: string;
  readonly type: NotifyType;
  readonly on: readonly NotifyKind[];
  /** Told in quiet hours too; what concerns a critical service always is. */
  readonly urgent: readonly NotifyKind[];
  readonly url?: string;
  /** A reference: token, password or signing key. */
  readonly secret?: string;
  /** A reference: certificates that its server may be signed by. */
  readonly ca?: string;
  readonly quiet?: QuietHours;
  /** Of telegram. */
  readonly chat?: string;
  /** Of matrix. */
  readonly room?: string;
  /** Of email. */
  readonly from?: string;
  readonly to?: readonly string[];
}

/**
 * `open`: it began. `again`: it goes on, an hour after it was told last. `over`: it is no more. `notice`: it happened,
 * and that is all.
 */
export type TellingState = 'open' | 'again' | 'over' | 'notice';

/** One thing to tell: what, where, why, what to do. */
export interface Telling {
  readonly state: TellingState;
  readonly kind: NotifyKind;
  /** The same for all that is told of one incident. */
  readonly key: string;
  /** `web@m1`, `m1`, a commit; '' for the whole. */
  readonly subject: string;
  /** The rest of a sentence that begins with the subject: `could not be deployed`. */
  readonly what: string;
  readonly why: string;
  /** One sentence; the command to run stands in it between backticks. */
  readonly todo?: string;
  readonly commit?: string;
  readonly urgent?: true;
  /** When it happened, or began; milliseconds since 1970. */
  readonly sinceAt: number;
  readonly at: number;
  /** How often it came since it was told first, where that is more than once. */
  readonly times?: number;
}

/** What is sent to one destination: tellings of one kind and state, what quiet hours held back, or a test. */
export interface Message {
  /** Known to the receiver, so that what arrives twice can be told. */
  readonly id: string;
  readonly state: TellingState | 'digest' | 'test';
  /** Absent for a digest and a test. */
  readonly kind?: NotifyKind;
  readonly cluster: string;
  readonly at: number;
  readonly urgent?: true;
  readonly items: readonly Telling[];
}

/** A message in the form that a service takes. All strings may hold secrets, which `secrets` names. */
export type Parcel =
  | {
      readonly via: 'http';
      readonly method: 'POST' | 'PUT';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly via: 'mail';
      readonly host: string;
      readonly port: number;
      /** From the first byte; else by STARTTLS: `required`, or `offered` where the server has it. */
      readonly tls: 'at-once' | 'required' | 'offered';
      readonly user?: string;
      readonly password?: string;
      readonly from: string;
      readonly to: readonly string[];
      readonly subject: string;
      readonly text: string;
      readonly messageId: string;
    };

export interface PostLimits {
  /** For all of it, from the first byte to the last. */
  readonly timeLimitMs: number;
  readonly signal?: AbortSignal;
  /** Certificates (PEM) that the server may be signed by, beside the usual ones. */
  readonly ca?: string;
  /** Values that no answer and no error may hold. */
  readonly secrets: readonly string[];
}

/** Carries messages to where people read them. */
export interface Post {
  /** The value of a reference, `env:NAME` or `file:name`. Throws `notify-secret`. */
  reveal(reference: string): Promise<string>;
  /**
   * Answers what the service said. Throws `notify-away` for what may pass (with `details.retryAfterMs` where the service
   * names a time) and `notify-refused` for what a person must change.
   */
  send(parcel: Parcel, limits: PostLimits): Promise<string>;
}

/** How one destination answered a test. */
export interface NotifyTested {
  readonly name: string;
  readonly type: NotifyType;
  /** What it answered, or why it was not told. */
  readonly answer: string;
  readonly told: boolean;
  readonly code?: string;
  readonly hint?: string;
}
