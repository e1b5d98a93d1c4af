// A name of the registry after what a thing is called elsewhere.

/** undefined: nothing of it can stand in a name. */
export function safeName(thing: string): string | undefined {
  const name = thing
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
  return name === '' ? undefined : name;
}
