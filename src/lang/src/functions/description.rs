//! What each function does, in a sentence: for `metadata functions`, completion and the documentation.
//!
//! Invariant: both tables are sorted by name, and every function is in the first.

/// What a function does; empty for a name that is none.
pub(super) fn of_function(name: &str) -> &'static str {
    FUNCTIONS.binary_search_by_key(&name, |(name, _)| name).map_or("", |at| FUNCTIONS[at].1)
}

/// What a parameter is for, where its name does not say it.
pub(super) fn of_parameter(function: &str, parameter: &str) -> Option<&'static str> {
    let key = (function, parameter);
    let found = PARAMETERS.binary_search_by_key(&key, |(function, parameter, _)| (function, parameter));
    found.ok().map(|at| PARAMETERS[at].2)
}

static FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "`abs` gives a number without its sign."),
    ("abspath", "`abspath` turns a path into an absolute one, seen from the working directory."),
    ("alltrue", "`alltrue` says whether every element of a list is true; it is true for an empty list."),
    (
        "anytrue",
        "`anytrue` says whether at least one element of a list is true; it is false for an empty list.",
    ),
    (
        "assumeequal",
        "`assumeequal` gives its second value, which the first has to equal as soon as it is known.",
    ),
    (
        "assumelistlength",
        "`assumelistlength` gives a list, promised to have a length between two bounds once it is known.",
    ),
    (
        "assumelistlengthmax",
        "`assumelistlengthmax` gives a list, promised to have at most so many elements once it is known.",
    ),
    (
        "assumelistlengthmin",
        "`assumelistlengthmin` gives a list, promised to have at least so many elements once it is known.",
    ),
    (
        "assumemaplength",
        "`assumemaplength` gives a map, promised to have a length between two bounds once it is known.",
    ),
    (
        "assumemaplengthmax",
        "`assumemaplengthmax` gives a map, promised to have at most so many elements once it is known.",
    ),
    (
        "assumemaplengthmin",
        "`assumemaplengthmin` gives a map, promised to have at least so many elements once it is known.",
    ),
    ("assumenotnull", "`assumenotnull` gives a value, promised not to be null once it is known."),
    (
        "assumesetlength",
        "`assumesetlength` gives a set, promised to have a length between two bounds once it is known.",
    ),
    (
        "assumesetlengthmax",
        "`assumesetlengthmax` gives a set, promised to have at most so many elements once it is known.",
    ),
    (
        "assumesetlengthmin",
        "`assumesetlengthmin` gives a set, promised to have at least so many elements once it is known.",
    ),
    ("assumestringprefix", "`assumestringprefix` gives a text, promised to begin so once it is known."),
    ("base64decode", "`base64decode` decodes Base64 to the UTF-8 text that it stands for."),
    ("base64encode", "`base64encode` encodes the UTF-8 bytes of a text in Base64."),
    ("base64gunzip", "`base64gunzip` decodes Base64 and decompresses the gzip data in it to a text."),
    ("base64gzip", "`base64gzip` compresses a text with gzip and encodes the result in Base64."),
    ("base64sha256", "`base64sha256` gives the SHA-256 digest of a text in Base64."),
    ("base64sha512", "`base64sha512` gives the SHA-512 digest of a text in Base64."),
    ("basename", "`basename` gives the last part of a path."),
    ("bcrypt", "`bcrypt` hashes a text with the bcrypt cipher and a salt of its own at each call."),
    ("can", "`can` says whether an expression can be evaluated without an error."),
    ("ceil", "`ceil` gives the smallest whole number that is not below a number."),
    ("chomp", "`chomp` takes newlines off the end of a text."),
    ("chunklist", "`chunklist` cuts a list into lists of at most a given size."),
    ("cidrcontains", "`cidrcontains` says whether an address or network lies within a network."),
    ("cidrhost", "`cidrhost` gives the address of one host, by its number, in a network."),
    ("cidrnetmask", "`cidrnetmask` writes the prefix length of an IPv4 network as a mask."),
    ("cidrsubnet", "`cidrsubnet` gives one subnet, by its number, of a network."),
    (
        "cidrsubnets",
        "`cidrsubnets` gives subnets of a network that follow each other, each of a size of its own.",
    ),
    ("coalesce", "`coalesce` gives the first of its arguments that is neither null nor an empty text."),
    ("coalescelist", "`coalescelist` gives the first of its arguments that is not an empty list."),
    ("compact", "`compact` leaves null and empty texts out of a list."),
    ("concat", "`concat` joins lists to one list."),
    ("contains", "`contains` says whether a list or set holds a value."),
    ("convert", "`convert` converts a value to a type, written as for an input variable."),
    (
        "csvdecode",
        "`csvdecode` reads comma-separated values: one object a line, with attributes named by the first line.",
    ),
    ("dirname", "`dirname` gives a path without its last part."),
    ("distinct", "`distinct` leaves out of a list what stands in it before."),
    ("element", "`element` gives the element of a list at an index that begins anew at the list's end."),
    ("endswith", "`endswith` says whether a text ends with another."),
    ("ephemeralasnull", "`ephemeralasnull` gives a value with null in place of all that is ephemeral in it."),
    ("file", "`file` gives the content of a file as text."),
    ("filebase64", "`filebase64` gives the content of a file in Base64."),
    ("filebase64sha256", "`filebase64sha256` gives the SHA-256 digest of a file in Base64."),
    ("filebase64sha512", "`filebase64sha512` gives the SHA-512 digest of a file in Base64."),
    ("fileexists", "`fileexists` says whether there is a file at a path."),
    ("filemd5", "`filemd5` gives the MD5 digest of a file in hexadecimal."),
    ("fileset", "`fileset` gives the paths below a folder that match a pattern."),
    ("filesha1", "`filesha1` gives the SHA-1 digest of a file in hexadecimal."),
    ("filesha256", "`filesha256` gives the SHA-256 digest of a file in hexadecimal."),
    ("filesha512", "`filesha512` gives the SHA-512 digest of a file in hexadecimal."),
    ("flatten", "`flatten` puts the elements of nested lists into one list."),
    ("floor", "`floor` gives the greatest whole number that is not above a number."),
    ("format", "`format` writes values into a text by a format like that of `printf`."),
    ("formatdate", "`formatdate` writes a timestamp in another form."),
    ("formatlist", "`formatlist` gives a list of texts, each formatted from one element of each list."),
    ("handlebars", "`handlebars` renders a Handlebars template with values; a missing value is an error."),
    (
        "handlebarsfile",
        "`handlebarsfile` renders a file that is a Handlebars template with values; a missing value is an error.",
    ),
    ("indent", "`indent` puts spaces before every line of a text but the first."),
    ("index", "`index` gives the index of the first element of a list that equals a value."),
    ("issensitive", "`issensitive` says whether a value is sensitive."),
    ("join", "`join` joins the texts of lists to one text, with a separator between them."),
    ("jsondecode", "`jsondecode` reads JSON and gives the value that it stands for."),
    ("jsonencode", "`jsonencode` writes a value as JSON."),
    ("keys", "`keys` gives the keys of a map or the attribute names of an object, in order."),
    ("length", "`length` counts the elements of a collection or the characters of a text."),
    ("log", "`log` gives the logarithm of a number to a base."),
    ("lookup", "`lookup` gives the element of a map with a key, or a default where there is none."),
    ("lower", "`lower` turns all letters of a text into small ones."),
    (
        "matchkeys",
        "`matchkeys` gives the elements of a list whose counterparts in a second list stand in a third.",
    ),
    ("max", "`max` gives the greatest of its arguments."),
    ("md5", "`md5` gives the MD5 digest of a text in hexadecimal."),
    ("merge", "`merge` joins maps or objects to one; of equal keys, the later argument's wins."),
    ("min", "`min` gives the smallest of its arguments."),
    ("nonsensitive", "`nonsensitive` gives a sensitive value that may be shown from here on."),
    ("one", "`one` gives the only element of a list, or null where it is empty."),
    ("parseint", "`parseint` reads a text as a whole number in a base."),
    ("pathexpand", "`pathexpand` puts the home folder in place of a `~` that begins a path."),
    ("plantimestamp", "`plantimestamp` gives the time of the plan in the form of RFC 3339."),
    ("pow", "`pow` raises a number to a power."),
    ("range", "`range` gives numbers from a start to a limit, by a step."),
    (
        "regex",
        "`regex` gives what a regular expression matches in a text; it is an error where it matches nothing.",
    ),
    ("regexall", "`regexall` gives all that a regular expression matches in a text."),
    (
        "replace",
        "`replace` puts one text in place of another wherever it stands, or of what a regular expression between slashes matches.",
    ),
    ("reverse", "`reverse` gives the elements of a list from the last to the first."),
    ("rsadecrypt", "`rsadecrypt` decrypts a text in Base64 with an RSA private key."),
    ("sensitive", "`sensitive` gives a value that is not shown from here on."),
    ("setintersection", "`setintersection` gives the elements that all sets have."),
    ("setproduct", "`setproduct` gives every combination of one element of each set."),
    ("setsubtract", "`setsubtract` gives the elements of one set that another does not have."),
    ("setunion", "`setunion` gives the elements that any of the sets has."),
    ("sha1", "`sha1` gives the SHA-1 digest of a text in hexadecimal."),
    ("sha256", "`sha256` gives the SHA-256 digest of a text in hexadecimal."),
    ("sha512", "`sha512` gives the SHA-512 digest of a text in hexadecimal."),
    ("signum", "`signum` gives -1, 0 or 1 by the sign of a number."),
    ("slice", "`slice` gives the elements of a list from one index to before another."),
    ("sort", "`sort` gives the texts of a list in the order of their characters."),
    ("split", "`split` cuts a text at every separator."),
    ("startswith", "`startswith` says whether a text begins with another."),
    ("strcontains", "`strcontains` says whether a text holds another."),
    ("strrev", "`strrev` gives the characters of a text from the last to the first."),
    ("substr", "`substr` gives a part of a text by its place and length in characters."),
    ("sum", "`sum` adds the numbers of a list or set."),
    ("templatefile", "`templatefile` renders a file that is a template with values for its names."),
    ("templatestring", "`templatestring` renders a text that is a template with values for its names."),
    ("textdecodebase64", "`textdecodebase64` decodes Base64 to a text in a character encoding."),
    ("textencodebase64", "`textencodebase64` encodes a text in a character encoding and that in Base64."),
    ("timeadd", "`timeadd` adds a duration to a timestamp."),
    ("timecmp", "`timecmp` gives -1, 0 or 1 as one timestamp is before, at or after another."),
    (
        "timestamp",
        "`timestamp` gives the current time in the form of RFC 3339; it is not known before apply.",
    ),
    ("title", "`title` turns the first letter of every word into a capital."),
    ("tobool", "`tobool` converts a value to a bool."),
    ("tolist", "`tolist` converts a value to a list."),
    ("tomap", "`tomap` converts a value to a map."),
    ("tonumber", "`tonumber` converts a value to a number."),
    ("toset", "`toset` converts a value to a set."),
    ("tostring", "`tostring` converts a value to a text."),
    (
        "transpose",
        "`transpose` turns a map of lists of texts around: each text becomes a key of the keys it stood under.",
    ),
    ("trim", "`trim` takes given characters off both ends of a text."),
    ("trimprefix", "`trimprefix` takes a text off another's beginning, where it stands there."),
    ("trimspace", "`trimspace` takes blank space off both ends of a text."),
    ("trimsuffix", "`trimsuffix` takes a text off another's end, where it stands there."),
    ("try", "`try` gives the value of the first of its expressions that can be evaluated without an error."),
    ("upper", "`upper` turns all letters of a text into capitals."),
    ("urldecode", "`urldecode` decodes what is escaped for a URL."),
    ("urlencode", "`urlencode` escapes a text for a URL."),
    ("uuid", "`uuid` gives a random UUID, another at each call; it is not known before apply."),
    ("uuidv5", "`uuidv5` gives the UUID of a name within a namespace, always the same."),
    ("values", "`values` gives the values of a map or object, in the order of their keys."),
    ("yamldecode", "`yamldecode` reads YAML and gives the value that it stands for."),
    ("yamlencode", "`yamlencode` writes a value as YAML."),
    ("zipmap", "`zipmap` makes a map of a list of keys and a list of values."),
];

static PARAMETERS: &[(&str, &str, &str)] = &[
    ("bcrypt", "cost", "How much work a hash is, as a power of two; 10 where it is left out."),
    ("chunklist", "size", "The greatest length of each list; only the last may be shorter."),
    ("cidrhost", "hostnum", "The host's number, counted from the network's end where it is negative."),
    ("cidrhost", "prefix", "A network in CIDR notation (RFC 4632, section 3.1)."),
    ("cidrnetmask", "prefix", "An IPv4 network in CIDR notation (RFC 4632, section 3.1)."),
    ("cidrsubnet", "netnum", "The subnet's number, which fits into the added bits."),
    ("cidrsubnet", "newbits", "By how many bits the subnet's prefix is longer."),
    ("cidrsubnet", "prefix", "A network in CIDR notation (RFC 4632, section 3.1)."),
    ("cidrsubnets", "newbits", "By how many bits each subnet's prefix is longer."),
    ("cidrsubnets", "prefix", "A network in CIDR notation (RFC 4632, section 3.1)."),
    ("coalescelist", "vals", "Lists or tuples in the order of preference."),
    ("indent", "spaces", "How many spaces stand after each newline."),
    ("join", "lists", "Lists of texts."),
    ("join", "separator", "What stands between two texts."),
    ("keys", "inputMap", "A map, or an object."),
    ("setproduct", "sets", "Sets, or lists and tuples, whose order is then kept."),
    ("templatestring", "template", "A plain reference to a value that holds the template."),
    ("templatestring", "vars", "An object whose attributes are the template's names."),
    ("trim", "cutset", "The characters to take off, in any order."),
];

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, PARAMETERS, of_function};
    use crate::functions::names;
    use crate::functions::signature::STUBS;

    #[test]
    fn tables_are_sorted_and_whole() {
        assert!(FUNCTIONS.is_sorted_by_key(|(name, _)| *name));
        assert!(PARAMETERS.is_sorted_by_key(|(function, parameter, _)| (*function, *parameter)));
        let missing: Vec<&str> =
            names().filter(|name| of_function(name).is_empty() && !STUBS.contains(name)).collect();
        assert!(missing.is_empty(), "a sentence is missing in functions/description.rs for {missing:?}");
        for (name, sentence) in FUNCTIONS {
            assert!(sentence.starts_with(&format!("`{name}` ")) && sentence.ends_with('.'), "{name}");
        }
    }
}
