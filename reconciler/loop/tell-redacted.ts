// Progress without secrets: what programs print comes in pieces, and is told in whole lines where there are secrets to look for.
import type { Pieces, Redactor } from '../../schema/redact.js';
import type { Progress } from '../operations/operation.js';

export interface Telling {
  readonly emit: (progress: Progress) => void;
  /** What still waits for the end of its line. */
  readonly end: () => void;
}

interface Output {
  readonly pieces: Pieces;
  readonly first: Progress;
}

export function tellRedacted(redactor: Redactor, emit: (progress: Progress) => void): Telling {
  const outputs = new Map<string, Output>();
  const tell = (progress: Progress, text: string): void => {
    if (text !== '') emit({ ...progress, text });
  };
  return {
    emit: progress => {
      if (progress.kind !== 'output') return emit(redactor.value(progress));
      const place = `${progress.machine ?? ''} ${progress.key ?? ''}`;
      const output = outputs.get(place) ?? { pieces: redactor.pieces(), first: progress };
      outputs.set(place, output);
      tell(progress, output.pieces.push(progress.text));
    },
    end: () => {
      for (const { pieces, first } of outputs.values()) tell(first, pieces.end());
    },
  };
}
