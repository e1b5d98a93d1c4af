// The routes as a page for people: no script, nothing from elsewhere.
import { createHash } from 'node:crypto';
import { catalogue } from '../../schema/errors.js';
import { closeCodes, liveLimits, liveProtocol, tokenProtocol, topicNames, topics } from '../../schema/live-messages.js';
import type { Part, Route } from './route.js';

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font-family:ui-monospace,monospace}h2{margin-top:2.5rem}article{border-top:1px solid #8886;padding:.5rem 0}h3{margin:.3rem 0}
td,th{text-align:left;vertical-align:top;padding:.15rem 1rem .15rem 0}.x{overflow-x:auto}`;

/** The page's own style, and nothing else, may be used. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'`;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, one => entities[one] ?? '');

const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="x"><table><tr>${headings.map(one => `<th scope="col">${one}</th>`).join('')}</tr>${rows
    .map(row => `<tr>${row.map(cell => `<td>${cell}</td>`).join('')}</tr>`)
    .join('')}</table></div>`;

const rowsOf = ({ properties, required }: Part, place: string): readonly (readonly string[])[] =>
  Object.entries(properties).map(([name, { description = '', ...schema }]) => [
    `<code>${escaped(name)}</code>${required.includes(name) ? ' (needed)' : ''}`,
    place,
    `<code>${escaped(JSON.stringify(schema))}</code>`,
    escaped(description),
  ]);

function articleOf({ operation, method, url, summary, role, effect, params, rest, restIn }: Route): string {
  const rows = [...rowsOf(params, 'address'), ...rowsOf(rest, restIn === 'body' ? 'body' : 'query')];
  return `<article id="${operation}"><h3><code>${method} ${escaped(url)}</code></h3>
<p>${escaped(summary)}. Role: ${role}; ${effect === 'reads' ? 'only reads' : 'changes something'}.</p>
${rows.length === 0 ? '' : table(['Name', 'In', 'Schema', 'Meaning'], rows)}</article>`;
}

const errorRows = (): readonly (readonly string[])[] =>
  Object.entries(catalogue).map(([code, { status, title, retry, hint }]) => [
    `<code id="${code}">${code}</code>`,
    String(status),
    escaped(title),
    retry,
    escaped(hint),
  ]);

const topicRows = (): readonly (readonly string[])[] =>
  topicNames.map(topic => {
    const { summary, operation, properties } = topics[topic];
    const members = Object.entries(properties).map(
      ([name, one]) => `<code>${name}</code>: ${escaped(one.description)}`,
    );
    return [`<code>${topic}</code>`, escaped(summary), members.join('<br>'), `<code>${operation}</code>`];
  });

const answerRows: readonly (readonly string[])[] = [
  ['subscribed', 'It may be followed'],
  ['event', '<code>event</code>, with its <code>id</code> to go on from'],
  ['caught-up', 'All that was kept after <code>after</code> has come'],
  ['history', '<code>kept</code>: false while the database is away: events come as they happen, and one may be missed'],
  [
    'run',
    '<code>told</code>: <code>run.planned</code>, <code>deployment.told</code>, <code>step.begun</code>, <code>step.line</code>, <code>step.ended</code>, <code>deployment.ended</code>, <code>run.ended</code>',
  ],
  ['log', '<code>key</code> and <code>lines</code>'],
  ['health', '<code>transition</code>'],
  ['controller', '<code>status</code>, after each pass'],
  ['sample', '<code>measurement</code>'],
  ['ended', 'Nothing more comes of it'],
  ['error', '<code>problem</code>, as below; with an <code>id</code> it ends that subscription'],
];

const closeRows: readonly (readonly string[])[] = [
  [String(closeCodes.stopping), 'The controller is being stopped'],
  [String(closeCodes.tooBig), `A message was longer than ${liveLimits.messageBytes} bytes`],
  [String(closeCodes.full), `${liveLimits.connections} follow already`],
  [String(closeCodes.tokenEnded), 'The token was revoked, or has expired'],
  [String(closeCodes.idle), 'It did not answer a ping, or followed nothing for five minutes'],
  [String(closeCodes.tokenFull), `${liveLimits.connectionsOfToken} follow with this token already`],
  [String(closeCodes.slow), 'It read too slowly: connect again, and go on from the last event'],
  [String(closeCodes.tooMany), `More than ${liveLimits.messages} messages in ten seconds`],
];

const livePart = (): string => `<h2 id="live">Live</h2>
<p><code>GET /ws</code> is a WebSocket. Send <code>{"type": "subscribe", "topic": …, "id": …}</code> with a name of your own as
<code>id</code>, which stands in all that comes of it, and <code>{"type": "unsubscribe", "id": …}</code>. At most ${liveLimits.subscriptions}
at once. Where no header can be set, offer the protocols <code>${liveProtocol}</code> and <code>${tokenProtocol}&lt;token&gt;</code>.
<code>GET /api/metrics/ws</code> (<code>?machine=</code>) sends the last measurement of each machine, then each as it comes, and takes no messages.</p>
${table(['Topic', 'What comes', 'Further members', 'For whom: as'], topicRows())}
${table(['Type', 'What it carries'], answerRows)}
${table(['Closed with', 'Because'], closeRows)}`;

export function docsPage(routes: readonly Route[], version: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Portoser API</title><style>${style}</style></head><body><main>
<h1>Portoser API</h1>
<p>Version ${escaped(version)}. The same as <a href="/api/openapi.json">OpenAPI 3.1</a>. Send <code>Authorization: Bearer &lt;token&gt;</code>;
<code>portoser token create</code> on the controller makes one. A viewer reads, an operator changes, an admin may do all. Bodies are JSON;
a member that is not named here is refused. A list in a query is the same name several times.</p>
<h2>Operations</h2>
${routes.map(articleOf).join('\n')}
${livePart()}
<h2>Errors</h2>
<p>Every failure is <code>application/problem+json</code> (RFC 9457) with <code>code</code>, <code>hint</code> and <code>retry</code>.</p>
${table(['Code', 'Status', 'What happened', 'Retry', 'What to do'], errorRows())}
</main></body></html>
`;
}
