import { EuiFormRow, EuiSpacer, EuiText, EuiTextArea } from '@elastic/eui';
import { useState, type ReactNode } from 'react';
import { Dialog } from './dialog';

interface Wanted {
  title: string;
  button: string;
  danger?: boolean;
  label?: string;
  children?: ReactNode;
  isLoading: boolean;
  error: unknown;
  onGive: (reason: string) => void;
  onClose: () => void;
}

/** Asks why, before something is done that everybody will read about. */
export function AskReason({ label, children, onGive, ...dialog }: Wanted) {
  const [reason, setReason] = useState('');
  const given = reason.trim();
  return (
    <Dialog name="ask" complete={given !== ''} onGive={() => onGive(given)} {...dialog}>
      {children && <><EuiText size="s">{children}</EuiText><EuiSpacer size="m" /></>}
      <ReasonRow name="ask-reason" label={label} value={reason} onChange={setReason} />
    </Dialog>
  );
}

/** What everybody will read beside the name of whoever wrote it. */
export function ReasonRow({ name, label, value, onChange }: { name: string; label?: string; value: string; onChange: (text: string) => void }) {
  return (
    <EuiFormRow label={label ?? 'Reason'} helpText="Goes into the journal with your name." fullWidth>
      <EuiTextArea compressed fullWidth rows={3} value={value} onChange={(event) => onChange(event.target.value)} data-test-subj={name} />
    </EuiFormRow>
  );
}
