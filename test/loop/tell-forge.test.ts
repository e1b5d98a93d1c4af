// What is said to a forge: no secret stands in it, and what the controller wrote there stands in the audit log.
import { expect, it } from 'vitest';
import { auditForge, maskForge } from '../../reconciler/loop/tell-forge.js';
import { createRedactor } from '../../schema/redact.js';
import { createFakeForge } from '../fakes/forge.js';
import { createFakePorts } from '../fakes/ports.js';

it('no comment, status or pull request holds a secret', async () => {
  const fake = createFakeForge();
  const redactor = createRedactor();
  redactor.learn([{ value: 'Sentinel-One' }]);
  const forge = maskForge(fake, redactor);
  await forge.comment(1, '<!-- ours -->', () => '<!-- ours --> Sentinel-One');
  await forge.setStatus('c1', { context: 'portoser/plan', state: 'success', description: 'plan Sentinel-One' });
  await forge.openPull({ branch: 'b', base: 'main', title: 'Sentinel-One', body: 'of U2VudGluZWwtT25l' });
  expect(fake.comments.get(1)).toBe('<!-- ours --> ***');
  expect([...fake.described.values()]).toEqual(['plan ***']);
  expect(fake.opened).toEqual([{ branch: 'b', base: 'main', title: '***', body: 'of ***' }]);
});

it('comments that changed and statuses are told to the audit log, once they are there', async () => {
  const fake = createFakeForge();
  const ports = createFakePorts();
  const forge = auditForge(fake, ports);
  await forge.comment(1, 'ours', () => 'ours: a plan');
  await forge.comment(1, 'ours', before => before ?? '');
  await forge.setStatus('c1', { context: 'portoser/apply', state: 'pending', description: 'one change' });
  fake.fault = new Error('away') as never;
  await expect(
    forge.setStatus('c1', { context: 'portoser/apply', state: 'success', description: '' }),
  ).rejects.toThrow('away');
  const repository = 'acme/fleet';
  const who = { name: 'portoser', by: 'loop' };
  expect(ports.audit.entries).toMatchObject([
    { who, what: 'review.comment', input: { repository, pull: 1 }, result: 'done' },
    { who, what: 'review.status', input: { repository, commit: 'c1', state: 'pending' }, result: 'done' },
  ]);
});
