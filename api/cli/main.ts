#!/usr/bin/env node
// The command line's entry: answers --help and --version by itself, and loads the rest only for a command.
import { enableCompileCache } from './compile-cache.js';
import { rootHelp } from './help.js';

enableCompileCache();
const argv = process.argv.slice(2);
const only = argv.length <= 1 ? argv[0] : undefined;

if (argv.length === 0 || only === '--help' || only === '-h' || only === 'help') process.stdout.write(rootHelp());
else if (only === '--version' || only === '-V') process.stdout.write(`${(await import('./version.js')).version()}\n`);
else await (await import('./run.js')).runLine(argv, process);
