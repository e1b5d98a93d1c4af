// Unquoted values that a YAML 1.1 reader (Docker Compose's older ones, PyYAML) takes for something else than YAML 1.2 does.

/** How other readers take this unquoted text (YAML 1.1 types: bool, int with base 8 and base 60); undefined: the same everywhere. */
export function lookalike(source: string): string | undefined {
  if (/^(yes|on|Yes|On|YES|ON)$/.test(source)) return 'true';
  if (/^(no|off|No|Off|NO|OFF)$/.test(source)) return 'false';
  if (/^[-+]?0[0-7]+$/.test(source)) return String(Number.parseInt(source, 8));
  if (/^[-+]?[1-9][0-9]*(:[0-5]?[0-9])+$/.test(source)) return String(base60(source));
  return undefined;
}

function base60(source: string): number {
  return source.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
