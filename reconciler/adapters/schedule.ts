// Times of a cron expression (node-cron), in UTC: a local time that a spring change skips would not come that day.
import { type Logger, schedule, setLogger, validate, validateDetailed } from 'node-cron';
import { AppError } from '../../schema/errors.js';
import type { Log, Schedule } from '../ports.js';

function routeTo(log: Log): Logger {
  const say = (level: 'warn' | 'error' | 'debug') => (said: string | Error, err?: Error) => {
    const cause = err ?? (said instanceof Error ? said : undefined);
    log[level]({ said: String(said), ...(cause === undefined ? {} : { err: cause }) }, 'node-cron spoke');
  };
  return { info: say('debug'), warn: say('warn'), error: say('error'), debug: say('debug') };
}

function wrongCron(expression: string): AppError {
  const errors = validateDetailed(expression).errors.map(error => `${error.field}: ${error.message}`);
  const message = `${JSON.stringify(expression)} is not a cron expression${errors.length === 0 ? '' : ` (${errors.join('; ')})`}`;
  return new AppError('registry-invalid', message, {
    hint: 'Write five fields: minute hour day-of-month month day-of-week, such as `0 3 * * 1`; times are UTC.',
  });
}

/** `every` throws `registry-invalid` for what is no cron expression; its answer ends it and leaves no timer. */
export function createSchedule(log: Log): Schedule {
  const logger = routeTo(log);
  setLogger(logger);
  return {
    every(expression, due) {
      if (!validate(expression)) throw wrongCron(expression);
      const task = schedule(expression, due, { timezone: 'UTC', noOverlap: true, logger });
      return () => void task.destroy();
    },
  };
}
