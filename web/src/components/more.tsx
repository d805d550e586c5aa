import { EuiButtonEmpty, EuiContextMenuItem, EuiContextMenuPanel, EuiPopover } from '@elastic/eui';
import { useState, type ComponentType } from 'react';
import type { Incident, Me } from '../api/types';
import { isOver } from '../format';
import { EditDialog } from './edit';
import { MergeDialog } from './merge';
import { AssignDialog, HandOverDialog } from './ownership';
import { SnoozeDialog } from './snooze';
import { SplitDialog } from './split';
import { VoidDialog } from './void';

export interface Asked {
  incident: Incident;
  onClose: () => void;
}

interface Item {
  name: string;
  label: string;
  icon: string;
  dialog: ComponentType<Asked>;
  /** Why it can't be done now. */
  cannot?: string;
}

function items(incident: Incident, me: Me): Item[] {
  const running = incident.proposals.some((state) => state.stage === 'executing');
  return [
    { name: 'edit', label: 'Edit', icon: 'pencil', dialog: EditDialog },
    { name: 'assign', label: 'Assign', icon: 'users', dialog: AssignDialog },
    { name: 'handover', label: 'Hand over', icon: 'send', dialog: HandOverDialog, cannot: notTheirs(incident, me) },
    { name: 'snooze', label: 'Snooze', icon: 'clock', dialog: SnoozeDialog, cannot: isOver(incident) ? 'It is over: nobody is reminded of it.' : undefined },
    { name: 'merge', label: 'Merge into…', icon: 'merge', dialog: MergeDialog, cannot: running ? 'An execution is under way.' : undefined },
    { name: 'split', label: 'Split off', icon: 'branch', dialog: SplitDialog, cannot: incident.findings.length < 2 ? 'There is one finding, and the first stays.' : undefined },
    { name: 'void', label: 'Void', icon: 'crossCircle', dialog: VoidDialog, cannot: noMistake(incident) },
  ];
}

/** By subject where the owner's is known, else by name; the server has the last word. */
function notTheirs({ owner, owner_subject }: Incident, me: Me): string | undefined {
  if (!owner) return 'Nobody has it: assign it.';
  const theirs = owner_subject ? owner_subject === me.subject : owner === me.name;
  return theirs ? undefined : `${owner} has it and hands it over: assign it instead.`;
}

function noMistake({ proposals, absorbed }: Incident): string | undefined {
  if (proposals.some((state) => state.started_at)) return 'Something was executed for it: close it as a false alarm.';
  return absorbed?.length ? `${absorbed[0].incident} was merged into it.` : undefined;
}

/** What is done to an incident more rarely. */
export function More({ incident, me }: { incident: Incident; me: Me }) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<Item | null>(null);
  const button = <EuiButtonEmpty size="s" iconType="boxesVertical" onClick={() => setOpen(!open)} data-test-subj="more">More</EuiButtonEmpty>;
  const choose = (item: Item) => { setOpen(false); setAsked(item); };
  return (
    <>
      <EuiPopover button={button} isOpen={open} closePopover={() => setOpen(false)} panelPaddingSize="none" anchorPosition="downLeft" aria-label="More">
        <EuiContextMenuPanel
          items={items(incident, me).map((item) => (
            <EuiContextMenuItem key={item.name} icon={item.icon} disabled={item.cannot !== undefined} toolTipContent={item.cannot} toolTipProps={{ position: 'right' }} onClick={() => choose(item)} data-test-subj={`more-${item.name}`}>
              {item.label}
            </EuiContextMenuItem>
          ))}
        />
      </EuiPopover>
      {asked && <asked.dialog incident={incident} onClose={() => setAsked(null)} />}
    </>
  );
}
