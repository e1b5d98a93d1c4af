// `notify` of the registry as the engine goes by it.
import { describe, expect, it } from 'vitest';
import { parse } from '../../reconciler/core/parse.js';
import { notifyKindNames } from '../../schema/notify.js';

function read(notify: unknown, more: object = {}) {
  const registry = { machines: { m1: { host: 'a', user: 'b', platform: 'linux' } }, notify, ...more };
  return parse({ main: 'registry.yml', files: new Map([['registry.yml', JSON.stringify(registry)]]) });
}

describe('destinations', () => {
  it('are called by their type where they have no name, and are told all but single runs where nothing is asked', () => {
    const ntfy = { type: 'ntfy', url: 'https://ntfy.sh/home' };
    const { registry } = read([ntfy, ntfy, { ...ntfy, name: 'phone', on: ['drift'] }]);
    expect(registry?.notify?.map(one => one.name)).toEqual(['ntfy', 'ntfy-2', 'phone']);
    expect(registry?.notify?.[0]?.on).toEqual(notifyKindNames.filter(kind => kind !== 'deploy.done'));
    expect(registry?.notify?.[2]?.on).toEqual(['drift']);
  });

  it('have what their type needs, templates filled, references as they are', () => {
    const { registry, diagnostics } = read(
      [
        { type: 'telegram', secret: 'env:PORTOSER_NOTIFY_BOT', chat: -100123 },
        { type: 'matrix', url: 'https://{{ HOME }}', secret: 'file:matrix', room: '!ops:{{ HOME }}' },
        {
          type: 'email',
          url: 'smtps://me@mail.example.org',
          secret: 'file:mail',
          from: 'a@b',
          to: 'c@d',
          ca: 'file:ca.pem',
        },
        {
          type: 'slack',
          url: 'env:PORTOSER_NOTIFY_SLACK',
          quiet_hours: '22:00-7:30',
          tz: 'Europe/Berlin',
          urgent: ['machine.down'],
        },
      ],
      { vars: { HOME: 'matrix.example.org' } },
    );
    expect(diagnostics).toEqual([]);
    expect(registry?.notify).toMatchObject([
      { type: 'telegram', secret: 'env:PORTOSER_NOTIFY_BOT', chat: '-100123' },
      { type: 'matrix', url: 'https://matrix.example.org', room: '!ops:matrix.example.org', secret: 'file:matrix' },
      { type: 'email', url: 'smtps://me@mail.example.org', to: ['c@d'], ca: 'file:ca.pem' },
      { type: 'slack', quiet: { from: 1320, to: 450, zone: 'Europe/Berlin' }, urgent: ['machine.down'] },
    ]);
  });

  it('that refer to Vault are left out with a warning, and the others stand', () => {
    const vault = { type: 'slack', url: { path: 'secret/slack', key: 'url' } };
    const { registry, diagnostics } = read([vault, { type: 'slack', url: 'file:slack' }]);
    expect(diagnostics.map(one => `${one.severity} ${one.code}`)).toEqual(['warning not-supported-yet']);
    expect(registry?.notify?.map(one => one.name)).toEqual(['slack-2']);
  });

  it('never have their secrets repeated by a diagnostic', () => {
    const { diagnostics } = read([
      { type: 'gotify', url: 'https://push.example.org', secret: 'A1b2C3d4-token' },
      { type: 'webhook', url: 'https://me:hunter22@push.example.org/x' },
    ]);
    expect(diagnostics.length).toBe(1);
    expect(JSON.stringify(diagnostics)).not.toMatch(/A1b2C3d4|hunter22/);
    const url = read([{ type: 'webhook', url: 'https://me:hunter22@push.example.org/x' }]);
    expect(url.diagnostics).toMatchObject([{ code: 'invalid-value', severity: 'error' }]);
    expect(JSON.stringify(url.diagnostics)).not.toContain('hunter22');
  });

  it('none: nobody is told, and that is no mistake', () => {
    expect(read([])).toMatchObject({ diagnostics: [], registry: { notify: [] } });
  });
});
