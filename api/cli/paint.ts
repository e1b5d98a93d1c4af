// Colours by meaning, and none where nobody sees them.
import picocolors from 'picocolors';

export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

export function createPaint(colours: boolean): Paint {
  const colour = picocolors.createColors(colours);
  return { good: colour.green, bad: colour.red, warn: colour.yellow, strong: colour.bold, faint: colour.dim };
}
