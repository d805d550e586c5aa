import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/**
 * EUI loads each of its 500 icons by an import of its own at run time. We ship the few that are
 * used, in the main bundle: nothing is fetched for an icon, and a name that isn't in the list
 * fails the build instead of showing a broken picture.
 */
export function bundledIcons(names: readonly string[]): Plugin {
  return {
    name: 'datapulse-bundled-icons',
    enforce: 'pre',
    load(id) {
      if (!id.split('?')[0].endsWith('/icon/icon_map.js')) return null;
      const files = iconFiles(readFileSync(id.split('?')[0], 'utf8'));
      const missing = names.filter((name) => !files.has(name));
      if (missing.length > 0) this.error(`EUI has no icon named ${missing.join(', ')}`);
      const imports = names.map((name, at) => `import * as icon${at} from '${files.get(name)}';`);
      const entries = names.map((name, at) => `  ${name}: () => Promise.resolve(icon${at}),`);
      return [...imports, 'export const typeToPathMap = {', ...entries, '};'].join('\n');
    },
  };
}

/** Names and files of the icons in EUI's own map. */
export function iconFiles(map: string): Map<string, string> {
  const entry = /(\w+): (?:withMetadata\()?function \w*\(\) \{\s*return import\('(\.\/[\w/]+)'\)/g;
  return new Map([...map.matchAll(entry)].map((match) => [match[1], match[2]]));
}
