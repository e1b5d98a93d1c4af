// One thing of the registry as lines of name and value; what is not set is left out.
export type Shown = string | number | boolean | readonly (string | number)[] | undefined;

export function entryText(heading: string, rows: Readonly<Record<string, Shown>>): string {
  const lines = Object.entries(rows).flatMap(([name, value]) => {
    const text = Array.isArray(value) ? value.join(', ') : String(value ?? '');
    return text === '' || value === false ? [] : [`  ${name.padEnd(14)}${text}`];
  });
  return [heading, ...lines].join('\n');
}
