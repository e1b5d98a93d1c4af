// `portoser deploy`: shows the plan, asks on a terminal, applies it.
import { heldOf, needsPerson } from '../../../schema/holds.js';
import { AppError } from '../../../schema/errors.js';
import type { Call, ExitCode } from '../command.js';
import { command, given } from '../command.js';
import { createPaint } from '../paint.js';
import { passExitCode, passText } from '../render/pass.js';
import { respond } from '../respond.js';
import { ask, type PlanReport, planExitCode, planReportText, showPlan } from './plan.js';

const options = {
  group: { type: 'string', value: 'name', summary: 'services of this group' },
  machine: { type: 'string', value: 'name', summary: 'only on this machine' },
  'dry-run': { type: 'boolean', summary: 'show the plan and stop, as `plan` does' },
  yes: { type: 'boolean', short: 'y', summary: 'do not ask' },
  'no-deps': { type: 'boolean', summary: 'leave out what they depend on' },
  uncommitted: { type: 'boolean', summary: 'deploy the files as they lie there' },
} as const;

type DeployCall = Call<typeof options>;

function chosen(call: DeployCall) {
  const { group, machine, 'no-deps': noDeps } = call.values;
  return { services: call.words, group, machine, noDeps };
}

/** A person who says yes to what is held approves it; --yes alone is not an approval of what the guard holds. */
async function consent(
  call: DeployCall,
  report: PlanReport,
): Promise<{ readonly go: boolean; readonly approved?: string }> {
  const { plan } = report;
  if (plan === undefined) return { go: false };
  const asks = call.terminal.canAsk && !call.values.yes && !call.json;
  const ask = async (question: string): Promise<boolean> => await call.terminal.ask(question, call.signal);
  const free = plan.held === undefined && plan.waves.length > 0;
  if (!asks) return { go: free };
  const held = heldOf(plan).find(needsPerson);
  if (free && !(await ask(held === undefined ? 'Apply this plan?' : 'Apply what is not held?'))) return { go: false };
  if (held === undefined) return { go: free };
  const too = free ? 'Approve and apply what is held too?' : 'This plan is held. Approve and apply it all the same?';
  return (await ask(too)) ? { go: true, approved: held.id } : { go: free };
}

async function apply(call: DeployCall, approved: string | undefined): Promise<ExitCode> {
  const { uncommitted } = call.values;
  const { services, ...more } = chosen(call);
  const report = await call.perform('deploy', {
    services: [...services],
    ...given({ ...more, uncommitted, approved }),
  });
  const text = (): string => passText(report, createPaint(call.terminal.colours));
  return respond(call, report, text, passExitCode(report));
}

async function deployNow(call: DeployCall): Promise<ExitCode> {
  const report = await ask(call, { ...chosen(call), again: true, from: call.values.uncommitted ? 'files' : 'commit' });
  const text = (): string => planReportText(report, call.terminal.colours);
  const { changes, left, plan } = report;
  const held = plan === undefined ? [] : heldOf(plan);
  // What a killed run had begun is looked at by a pass, also where it finds that all of it was done.
  if (changes === 0 && left > 0 && plan !== undefined && held.length === 0) return await apply(call, undefined);
  if (changes === 0 && held.length === 0) return respond(call, report, text, planExitCode(report));
  if (!call.json) call.terminal.err(text());
  const { go, approved } = await consent(call, report);
  if (go) return await apply(call, approved);
  if (call.json) return respond(call, report, () => '', 2);
  call.terminal.err(held.length === 0 ? 'Nothing was changed.' : 'Nothing was changed: the plan is held.');
  return held.length === 0 ? 0 : 2;
}

export const deploy = command({
  usage: '[service…]',
  options,
  notes: `Takes the newest commit, and refuses when the files here differ from it, unless --uncommitted is said.
On a terminal it shows the plan and asks. Elsewhere, and with --yes, a plan applies unless it is held;
a held one is left (exit code 2) and named with the command that approves it.
Exit code 0: as the registry says, 1: something failed, 2: held or waiting for approval.`,
  run: async call => {
    if (call.values['dry-run']) return await showPlan(call, { ...chosen(call), again: true });
    if (call.values.uncommitted === undefined) await refuseDifferent(call);
    return await deployNow(call);
  },
});

/** Asked before the plan is shown: the plan would not be of what lies here. */
async function refuseDifferent(call: DeployCall): Promise<void> {
  const { differs, path, commit } = await call.perform('registry.validate', {});
  if (!differs) return;
  throw new AppError('uncommitted', `${path} differs from the newest commit`, { details: { commit } });
}
