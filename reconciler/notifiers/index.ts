// The list of notifiers.
import type { NotifyType } from '../../schema/notify.js';
import { discord } from './discord.js';
import { email } from './email.js';
import { gotify } from './gotify.js';
import { matrix } from './matrix.js';
import type { Notifier } from './notifier.js';
import { ntfy } from './ntfy.js';
import { slack } from './slack.js';
import { telegram } from './telegram.js';
import { webhook } from './webhook.js';

export const notifiers: Readonly<Record<NotifyType, Notifier>> = {
  webhook,
  slack,
  discord,
  ntfy,
  gotify,
  telegram,
  matrix,
  email,
};
