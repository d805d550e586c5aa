// Reads messages to Teams, one JSON a line, and says what is wrong with their cards: what the reader
// of Adaptive Cards doesn't know, or reads otherwise than it is written, and every text in which
// Markdown makes something of its own. Ends with 1 where it found anything.
const cards = require('adaptivecards/dist/adaptivecards.js');
const markdown = require('markdown-it')({ linkify: false });

// Teams' own: not of the schema.
const BESIDE = ['msteams', '$schema', 'fallbackText'];

function read(card) {
  const wrong = [];
  const context = new cards.SerializationContext(cards.Versions.v1_5);
  const known = new cards.AdaptiveCard();
  known.parse(card, context);
  for (let i = 0; i < context.eventCount; i++) wrong.push(context.getEventAt(i).message);
  wrong.push(...known.validateProperties().validationEvents.map((event) => event.message));
  const again = known.toJSON();
  for (const name of BESIDE) delete again[name];
  const given = Object.fromEntries(Object.entries(card).filter(([name]) => !BESIDE.includes(name)));
  differ(given, again, 'card', wrong);
  texts(card, wrong);
  return wrong;
}

// What is given and isn't there when it is written again isn't known. What is the default is left out.
function differ(given, again, at, wrong) {
  const DEFAULTS = { style: 'default' };
  for (const [name, value] of Object.entries(given)) {
    if (again[name] === undefined && DEFAULTS[name] === value) continue;
    if (value !== null && typeof value === 'object' && again[name] !== undefined) {
      differ(value, again[name], `${at}.${name}`, wrong);
    } else if (again[name] !== value) {
      wrong.push(`${at}.${name}: ${JSON.stringify(value)} is read as ${JSON.stringify(again[name])}`);
    }
  }
}

function texts(node, wrong) {
  if (node === null || typeof node !== 'object') return;
  for (const name of ['text', 'title', 'value', 'fallbackText']) {
    if (typeof node[name] !== 'string') continue;
    const escaped = markdown.utils.escapeHtml(node[name]);
    const shown = markdown.render(node[name]).trim().replace(/^<p>|<\/p>$/g, '');
    if (shown !== escaped) wrong.push(`Markdown makes ${JSON.stringify(shown)} of ${JSON.stringify(node[name])}`);
  }
  Object.values(node).forEach((inner) => texts(inner, wrong));
}

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
let wrong = lines.length === 0 ? ['nothing to check'] : [];
for (const [at, line] of lines.entries()) {
  const message = JSON.parse(line);
  for (const attachment of message.attachments) {
    wrong.push(...read(attachment.content).map((what) => `${at}: ${what}`));
  }
}
wrong.forEach((what) => console.log(what));
process.exit(wrong.length === 0 ? 0 : 1);
