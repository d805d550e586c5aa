//! Fields that ES|QL can't read as they are.

use crate::plan::Attribute;

/// Why a column can't be used.
pub fn message(attribute: &Attribute) -> String {
    let name = &attribute.name;
    match &attribute.conflict {
        Some(conflict) => {
            let types: Vec<String> = conflict
                .types
                .iter()
                .map(|(mapping_type, _, indices)| {
                    format!("[{mapping_type}] in [{}]", indices.join(", "))
                })
                .collect();
            format!(
                "Cannot use field [{name}] due to ambiguities being mapped as [{}] incompatible types: {}",
                conflict.types.len(),
                types.join(", ")
            )
        }
        None => format!(
            "Cannot use field [{name}] with unsupported type [{}]",
            attribute.mapping_type
        ),
    }
}
