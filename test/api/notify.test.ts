// What `notify test` prints, and what its page promises.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../api/cli/paint.js';
import { notifyText } from '../../api/cli/render/notify.js';
import { parse } from '../../reconciler/core/parse.js';
import { notifyKindNames, notifyTypes } from '../../schema/notify.js';

describe('notify test', () => {
  it('is a line for each destination, with what to do below one that was not told', () => {
    const told = { name: 'phone', type: 'ntfy', told: true, answer: '200 OK' } as const;
    const not = {
      name: 'slack',
      type: 'slack',
      told: false,
      answer: 'PORTOSER_NOTIFY_SLACK is not set',
      code: 'notify-secret',
      hint: 'Set it.',
    } as const;
    expect(notifyText([told, not], createPaint(false)).split('\n')).toEqual([
      'told     phone  ntfy: 200 OK',
      'not told slack  slack: PORTOSER_NOTIFY_SLACK is not set [notify-secret]',
      '                Set it.',
    ]);
    expect(notifyText([], createPaint(false))).toContain('nobody');
  });
});

describe('docs/notifications.md', () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/notifications.md', import.meta.url)), 'utf8');

  it('names every kind and type', () => {
    expect([...notifyKindNames, ...notifyTypes].filter(one => !page.includes(`\`${one}\``))).toEqual([]);
  });

  it('shows a registry that is valid', () => {
    const [, example = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
    const { registry, diagnostics } = parse({ main: 'r.yml', files: new Map([['r.yml', `machines: {}\n${example}`]]) });
    expect(diagnostics.filter(one => one.path.startsWith('notify'))).toEqual([]);
    expect(registry?.notify?.map(one => one.name)).toEqual(['ntfy', 'slack', 'oncall']);
  });
});
