// The text that Prometheus reads: heads once, labels escaped, histograms whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exposition } from '../../api/routes/exposition.js';
import { type MeasureName, measureFamilies } from '../../schema/measures.js';

describe('measures as text', () => {
  it('have one head a name, and a line for each set of labels', () => {
    const name = 'portoser_placement_healthy';
    const { help } = measureFamilies[name];
    const text = exposition([
      { name, labels: ['web', 'm1'], value: 1 },
      { name, labels: ['db', 'm1'], value: 0 },
      { name: 'portoser_drift', labels: [], value: 2.5e20 },
    ]);
    expect(text).toBe(`# HELP ${name} ${help}
# TYPE ${name} gauge
${name}{service="web",machine="m1"} 1
${name}{service="db",machine="m1"} 0
# HELP portoser_drift ${measureFamilies.portoser_drift.help}
# TYPE portoser_drift gauge
portoser_drift 250000000000000000000
`);
  });

  it('of a histogram are its buckets, all of them, and sum and count', () => {
    const value = {
      buckets: [
        [0.1, 1],
        [5, 3],
      ],
      count: 4,
      sum: 61.5,
    } as const;
    const lines = exposition([{ name: 'portoser_pass_duration_seconds', labels: [], value }])
      .split('\n')
      .slice(2, -1);
    expect(lines).toEqual([
      'portoser_pass_duration_seconds_bucket{le="0.1"} 1',
      'portoser_pass_duration_seconds_bucket{le="5"} 3',
      'portoser_pass_duration_seconds_bucket{le="+Inf"} 4',
      'portoser_pass_duration_seconds_sum 61.5',
      'portoser_pass_duration_seconds_count 4',
    ]);
  });

  it('come back as they were, whatever a machine calls its file systems', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), mount => {
        const name = 'portoser_machine_filesystem_used_bytes';
        const lines = exposition([{ name, labels: ['m', mount], value: 1 }]).split('\n');
        expect(lines).toHaveLength(4);
        const written = /mountpoint="(.*)"\} 1$/s.exec(lines[2] ?? '')?.[1] ?? '?';
        const read = written.replaceAll(/\\(.)/gs, (_, one: string) => (one === 'n' ? '\n' : one));
        expect(read).toBe(mount);
      }),
    );
  });

  it('of nothing are nothing', () => expect(exposition([])).toBe('\n'));
});

describe('names', () => {
  it.each(Object.entries(measureFamilies))('%s follows the rules of Prometheus', (name, { type, labels, help }) => {
    expect(name).toMatch(/^(portoser|process)(_[a-z0-9]+)+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(help).toMatch(/\.$/);
    expect(labels.every(one => /^[a-z]+$/.test(one) && one !== 'le')).toBe(true);
    const based: MeasureName[] = ['portoser_pass_duration_seconds'];
    expect(type === 'histogram').toBe(based.includes(name as MeasureName));
    expect(name).not.toMatch(/milliseconds|_ms(_|$)|kilobytes|megabytes|percent/);
  });
});
