// `portoser deps graph`
import { command } from '../command.js';
import { noWords } from '../one-word.js';
import { createPaint } from '../paint.js';
import { respond } from '../respond.js';

export const depsGraph = command({
  usage: '',
  options: { dot: { type: 'boolean', summary: 'in the language of Graphviz' } },
  run: async call => {
    noWords(call);
    const graph = await call.perform('deps.graph', {});
    const { strong, faint } = createPaint(call.terminal.colours);
    const dot = (): string => {
      const lines = graph.flatMap(one => [
        `  "${one.service}";`,
        ...one.dependsOn.map(other => `  "${one.service}" -> "${other}";`),
      ]);
      return `digraph services {\n${lines.join('\n')}\n}`;
    };
    const plain = (): string =>
      graph
        .map(one => {
          const needs = one.dependsOn.length === 0 ? '' : ` → ${one.dependsOn.join(', ')}`;
          return `${strong(one.service)} ${faint(`on ${one.machines.join(', ')}`)}${needs}`;
        })
        .join('\n') || 'No services.';
    return respond(call, graph, call.values.dot ? dot : plain);
  },
});
