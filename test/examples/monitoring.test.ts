// Rules, dashboard and documentation speak of measures that there are, all of them; and every alert has a test in which it fires.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { measureFamilies, type MeasureName } from '../../schema/measures.js';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const [rules, tests, dashboard, docs] = await Promise.all(
  ['portoser.rules.yml', 'portoser.rules.test.yml', 'grafana-dashboard.json']
    .map(one => read(`examples/monitoring/${one}`))
    .concat(read('docs/metrics.md')),
);

const isName = (name: string): name is MeasureName => Object.hasOwn(measureFamilies, name);
const familyOf = (name: string): string => {
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return isName(base) && measureFamilies[base].type === 'histogram' ? base : name;
};

/** Names, with the labels that they are asked by. */
function usesOf(text = ''): readonly (readonly [name: string, labels: readonly string[]])[] {
  const found = text.matchAll(/\b((?:portoser|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name = '', matchers = '']) => [
    name,
    [...matchers.matchAll(/(\w+)(?:=~|=|!=)/g)].map(one => one[1] ?? ''),
  ]);
}

describe.each([
  ['rules', rules],
  ['tests of rules', tests],
  ['dashboard', dashboard],
])('%s', (_, text) => {
  it('ask only for measures and labels that there are', () => {
    const uses = usesOf(text);
    expect(uses.length).toBeGreaterThan(15);
    for (const [name, labels] of uses) {
      const family = familyOf(name);
      const known = isName(family) ? [...measureFamilies[family].labels, 'job', 'le'] : ['no such measure'];
      expect(known, `${name}{${labels.join()}}`).toEqual(expect.arrayContaining([...labels, 'job']));
    }
  });
});

it('every alert has a test in which it fires, and one in which it does not', () => {
  const alerts = (parse(rules ?? '') as { groups: { rules: { alert: string }[] }[] }).groups.flatMap(one => one.rules);
  const checks = (parse(tests ?? '') as { tests: { alert_rule_test: { alertname: string; exp_alerts?: [] }[] }[] })
    .tests;
  const all = checks.flatMap(one => one.alert_rule_test);
  for (const { alert } of alerts) {
    const own = all.filter(one => one.alertname === alert);
    expect(
      [own.some(one => one.exp_alerts !== undefined), own.some(one => one.exp_alerts === undefined)],
      alert,
    ).toEqual([true, true]);
  }
});

it('the documentation has every measure, as the code has it', () => {
  const rows = Object.entries(measureFamilies).map(
    ([name, { type, labels, help }]) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`,
  );
  expect(
    docs
      ?.split('\n')
      .filter(line => line.startsWith('| `'))
      .map(line => line.replaceAll(/ +/g, ' ')),
  ).toEqual(rows.map(one => one.replaceAll(/ +/g, ' ')));
});
