// node slim.mjs IN OUT: the parts of Jira's contract that DataPulse uses, so that Prism starts in
// two seconds. Requests are held against the contract as it is; what is changed are answers:
// examples that are JSON inside a string become JSON, and three answers say what the tests need.
import { readFileSync, writeFileSync } from 'node:fs';

const [from, to] = process.argv.slice(2);
const contract = JSON.parse(readFileSync(from, 'utf8'));
const api = '/rest/api/3';
const used = ['/issue', '/issue/{issueIdOrKey}', '/issue/{issueIdOrKey}/comment', '/issue/{issueIdOrKey}/transitions',
  '/issue/{issueIdOrKey}/remotelink', '/myself', '/search'].map((path) => api + path);
const paths = Object.fromEntries(used.map((path) => [path, contract.paths[path]]));
for (const path of used) if (!paths[path]) throw new Error(`the contract has no ${path}`);

const schemas = {};
function at(reference) {
  return reference.slice(2).split('/').reduce((node, key) => node[key.replaceAll('~1', '/').replaceAll('~0', '~')], contract);
}
function walk(node) {
  if (Array.isArray(node)) return node.forEach(walk);
  if (node === null || typeof node !== 'object') return;
  const reference = node.$ref;
  if (typeof reference === 'string' && reference.startsWith('#/components/schemas/')) {
    const name = reference.split('/')[3];
    if (!(name in schemas)) walk(schemas[name] = at(reference));
  }
  for (const [key, value] of Object.entries(node)) {
    if ((key === 'example' || key === 'value') && typeof value === 'string' && /^\s*[{[]/.test(value)) {
      try { node[key] = JSON.parse(value); } catch { /* a text that begins like JSON */ }
    }
    walk(node[key]);
  }
}
walk(paths);

function answers(path, method, value) {
  const json = paths[path][method].responses['200'].content['application/json'];
  delete json.examples;
  json.example = value;
}
answers(`${api}/issue/{issueIdOrKey}`, 'get', { key: 'OPS-1', fields: { status: { name: 'To Do' } } });
answers(`${api}/issue/{issueIdOrKey}/transitions`, 'get',
  { transitions: [{ id: '31', name: 'Resolve', to: { name: 'Done' } }] });
// The file is older than Cloud's search of today, whose parameters of these names mean the same;
// it takes no startAt. It finds nothing, so that an issue is made.
const search = structuredClone(paths[`${api}/search`].get);
search.operationId += 'Jql';
search.parameters = search.parameters.filter((one) => ['jql', 'maxResults', 'fields'].includes(one.name));
paths[`${api}/search/jql`] = { get: search };
answers(`${api}/search/jql`, 'get', { issues: [] });

const { openapi, info, servers } = contract;
const securitySchemes = contract.components.securitySchemes;
writeFileSync(to, JSON.stringify({ openapi, info, servers, paths, components: { schemas, securitySchemes } }));
