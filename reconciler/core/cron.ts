// Whether a text is a cron expression: five fields, or six with seconds first, each within its range (crontab(5)).
const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const days = 'sun mon tue wed thu fri sat'.split(' ');

interface Field {
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
}

const field = (low: number, high: number, names: readonly string[] = []): Field => ({ low, high, names });
const fields = [field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12, months), field(0, 7, days)];

export function isCron(text: string): boolean {
  const written = text.trim().split(/\s+/);
  if (written.length !== 5 && written.length !== 6) return false;
  const shapes = fields.slice(fields.length - written.length);
  return written.every((one, index) => one.split(',').every(part => isPart(part, shapes[index] as Field)));
}

function isPart(part: string, shape: Field): boolean {
  const [range = '', step, ...more] = part.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) return false;
  if (range === '*') return true;
  const [low, high = low, ...rest] = range.split('-').map(one => valueOf(one, shape));
  return rest.length === 0 && low !== undefined && high !== undefined && low <= high;
}

function valueOf(text: string, { low, high, names }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + (names === months ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : -1;
  return value >= low && value <= high ? value : undefined;
}
