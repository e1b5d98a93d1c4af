// Secrets that a test strews about, and every form in which one of them may come out again.

const shellQuoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

/** As it is, in base64 by itself and within more, and as addresses, forms, JSON and shells write it. */
export const formsOf = (value: string): readonly string[] => [
  value,
  Buffer.from(value).toString('base64'),
  Buffer.from(value).toString('base64url'),
  // What the value alone decides.
  Buffer.from(`u:${value}`).toString('base64').slice(4, -4),
  encodeURIComponent(value),
  new URLSearchParams({ a: value }).toString().slice(2),
  JSON.stringify(value).slice(1, -1),
  JSON.stringify(JSON.stringify(value)).slice(3, -3),
  shellQuoted(value),
];

/** A program that prints its secrets, those of its variables and those it is given, in all forms and in two pieces, and fails. */
export const leak = `
const values = ['DB_PASSWORD', 'FILE_TOKEN'].map(name => process.env[name] ?? '');
for (const value of [...values, ...process.argv.slice(2)]) {
  console.log(value);
  console.error(Buffer.from(value).toString('base64'), Buffer.from('u:' + value).toString('base64'));
  console.log(encodeURIComponent(value), new URLSearchParams({ a: value }).toString());
  console.log(JSON.stringify({ value }), JSON.stringify(JSON.stringify({ value })));
  console.log("'" + value.replaceAll("'", "'\\\\''") + "'");
  await new Promise(done => process.stdout.write(value.slice(0, 5), done));
  await new Promise(done => setTimeout(done, 20));
  console.log(value.slice(5) + ' was told');
}
process.exit(3);
`;

/** Where one of them stands in what was told, with a little of what is around it. */
export function foundIn(told: Iterable<string>, secrets: Readonly<Record<string, string>>): readonly string[] {
  const wanted = Object.entries(secrets).flatMap(([name, value]) =>
    [...new Set(formsOf(value))].map(form => [name, form] as const),
  );
  return [...told].flatMap(text =>
    wanted.flatMap(([name, form]) => {
      const at = text.indexOf(form);
      return at < 0 ? [] : [`${name} as ${form}: …${text.slice(Math.max(0, at - 120), at + 60)}`];
    }),
  );
}
