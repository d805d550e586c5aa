/** The icons that our pages use, and those that EUI's own components ask for. */
export const ICONS = [
  // ours
  'bell', 'branch', 'bolt', 'check', 'checkCircle', 'clock', 'comment', 'cross', 'crossCircle', 'document',
  'documentation', 'eye', 'flag', 'inspect', 'key', 'list', 'lock', 'magnify', 'moon', 'pencil', 'play',
  'plus', 'logOut', 'refresh', 'search', 'securitySignalDetected', 'sun', 'tag', 'timeline', 'user', 'users',
  'warning', 'wrench', 'question', 'rocket', 'stop', 'merge', 'thumbUp', 'thumbDown', 'undo', 'send', 'error', 'info', 'help', 'dot',
  // EUI's
  'alert', 'boxesVertical',
  'chevronSingleDown', 'chevronSingleLeft', 'chevronSingleRight', 'chevronSingleUp', 'chevronDoubleLeft',
  'chevronDoubleRight', 'chevronLimitLeft', 'chevronLimitRight', 'checkCircleFill', 'copy', 'empty', 'external',
  'ellipsis', 'errorFill', 'fullScreen', 'fullScreenExit', 'minus', 'minusCircle', 'popper', 'sortAscending', 'sortDescending',
  'sortDown', 'sortLeft', 'sortRight', 'sortUp', 'sortable', 'warningFill', 'menu', 'filter',
] as const;
