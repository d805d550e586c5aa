import { EuiBasicTable, EuiText, type EuiBasicTableColumn } from '@elastic/eui';
import type { Json } from '../api/types';
import { cell } from '../format';

interface Row {
  key: string;
  values: Json[];
}

/** An answer's columns and rows, each value as plain text. */
export function Rows({ columns, rows, total }: { columns: string[]; rows: Json[][]; total: number }) {
  if (rows.length === 0) return <EuiText size="s" color="subdued">No rows.</EuiText>;
  const shape: EuiBasicTableColumn<Row>[] = columns.map((name, at) => ({
    name,
    render: (row: Row) => cell(row.values[at]),
    truncateText: { lines: 3 },
  }));
  const items = rows.map((values, at) => ({ key: String(at), values }));
  return (
    <>
      <EuiBasicTable<Row> tableCaption="Rows of the answer" compressed items={items} columns={shape} itemId="key" tableLayout="auto" scrollableInline />
      {total > rows.length && (
        <EuiText size="xs" color="subdued">{`The first ${rows.length} of ${total} rows.`}</EuiText>
      )}
    </>
  );
}

/** Names and values as a small list. */
export function pairs(of: Record<string, Json>): { title: string; description: string }[] {
  return Object.entries(of).map(([title, value]) => ({ title, description: cell(value) }));
}
