// What registry.yml may say in `notify`: who is told what, by which service.
import { type Static, Type } from 'typebox';
import { notifyKindNames, notifyKinds, notifyTypes } from '../notify.js';
import { fields, line, list, name, oneOf, oneOrMany } from './leaf.js';

const optional = Type.Optional;

const vault = fields({ path: line(), key: line() }, { expected: 'a reference {path, key}' });
const referenceForms = 'env:PORTOSER_NOTIFY_…, or file: and a name';

/** The repository may name only what the controller's keeper laid out for this: it must not be able to ask for other secrets. */
const reference = (description: string) =>
  Type.Union(
    [
      Type.String({
        pattern: '^(env:PORTOSER_NOTIFY_[A-Z0-9_]+|file:[A-Za-z0-9][A-Za-z0-9._-]*)$',
        maxLength: 255,
        expected: `a reference: ${referenceForms}`,
      }),
      vault,
    ],
    { expected: `a reference: ${referenceForms}`, description },
  );

const kinds = (description: string) =>
  list(oneOf(notifyKindNames), { expected: 'a list of what is told, such as [deploy.failed, drift]', description });

const byDefault = notifyKindNames.filter(kind => !('quiet' in notifyKinds[kind]));

export const notifySchema = list(
  fields({
    name: optional(name({ description: 'For `portoser notify test`; default: its type.' })),
    type: oneOf(notifyTypes, { description: 'The service that takes the messages.' }),
    on: optional(kinds(`What is told. Default: ${byDefault.join(', ')}.`)),
    urgent: optional(
      kinds('Told in quiet hours too, beside what concerns services with `critical: true`. Default: none.'),
    ),
    url: optional(
      Type.Union([line(), vault], {
        expected: `an address, or a reference: ${referenceForms}`,
        description:
          'Address, or a reference to one: the webhook, the topic, the server (smtp:// or smtps:// for email).',
      }),
    ),
    secret: optional(reference('Token, password or signing key, as a reference; never its value.')),
    ca: optional(reference('Certificates (PEM) that the server may be signed by, as a reference.')),
    quiet_hours: optional(
      Type.String({
        pattern: '^([01]?[0-9]|2[0-3]):[0-5][0-9] ?- ?([01]?[0-9]|2[0-3]):[0-5][0-9]$',
        expected: 'a range such as "22:00-07:00"',
        description: 'What is not urgent waits for their end, and is then told in one message.',
      }),
    ),
    tz: optional(line({ description: 'Time zone of quiet_hours, such as Europe/Berlin.', default: 'UTC' })),
    chat: optional(
      Type.Unsafe<number | string>({
        type: ['integer', 'string'],
        pattern: '^(-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64})$',
        expected: 'the id of a chat, or @ and the name of a channel',
        description: 'Of telegram: where to.',
      }),
    ),
    room: optional(
      Type.String({
        pattern: '^![^\\s\\u0000-\\u001f/?#]+$',
        maxLength: 255,
        expected: 'the id of a room, such as "!abc:example.org"',
        description: 'Of matrix: where to.',
      }),
    ),
    from: optional(line({ description: 'Of email: the sender.' })),
    to: optional(oneOrMany(line(), 'an address, or a list of addresses', { description: 'Of email: who gets it.' })),
  }),
  { expected: 'a list of destinations', description: 'Who is told what.' },
);

export type NotifyText = Static<typeof notifySchema>[number];
