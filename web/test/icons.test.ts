import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ICONS } from '../build/icon_names';

/** Every source file below a folder. */
function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : /\.tsx$/.test(entry.name) ? [path] : [];
  });
}

test('an icon that is named in a page is one of those that are shipped', () => {
  const named = files('src').flatMap((path) => [...readFileSync(path, 'utf8').matchAll(/\bicon(?:Type)?(?:="|: ')(\w+)["']/g)].map((match) => match[1]));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(ICONS as readonly string[]).includes(name))).toEqual([]);
});
