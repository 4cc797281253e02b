//! The attribute `#[action]`, which makes a function an action. Use it through `weir_sdk`.
//!
//! Written on `proc_macro` alone: a guest's build should not wait for a parser of all Rust when a name is what is needed.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes a function an action: `#[action("kind", …)]` names the event kinds it listens to, in any number.
///
/// The function takes the payload, as any type that serde can read, and the context:
/// `fn count(quake: Quake, ctx: &Context) -> Result`. It stays a function and can be called as one.
/// The action carries the function's name, or another: `#[action("input", name = "count-quakes")]`.
/// The component offers it once it is listed in `weir_sdk::export!`.
#[proc_macro_attribute]
pub fn action(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match (Settings::parse(attribute), Function::parse(item.clone())) {
        (Ok(settings), Ok(function)) => {
            // What the compiler says of an async function, or of an action that is not defined, would hide the mistake.
            let mut tokens = if function.mistake.is_some() { without_async(item) } else { item };
            tokens.extend(definition(&settings, &function));
            tokens.extend(function.mistake.map(|mistake| mistake.tokens()));
            tokens
        }
        (Err(mistake), _) | (_, Err(mistake)) => {
            let mut tokens = item;
            tokens.extend(mistake.tokens());
            tokens
        }
    }
}

fn without_async(item: TokenStream) -> TokenStream {
    item.into_iter().filter(|token| !matches!(token, TokenTree::Ident(word) if word.to_string() == "async")).collect()
}

/// What is wrong with a use of the attribute, and where.
struct Mistake {
    span: Span,
    message: &'static str,
}

impl Mistake {
    fn tokens(&self) -> TokenStream {
        let mut message = Literal::string(self.message);
        message.set_span(self.span);
        let body = TokenStream::from(TokenTree::from(message));
        let mut tokens: TokenStream = "::core::compile_error!".parse().expect("these are tokens");
        tokens = tokens.into_iter().map(|token| at(token, self.span)).collect();
        tokens.extend([
            at(Group::new(Delimiter::Parenthesis, body).into(), self.span),
            at(Punct::new(';', Spacing::Alone).into(), self.span),
        ]);
        tokens
    }
}

fn at(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(span);
    token
}

/// The words in the attribute's parentheses.
struct Settings {
    /// String literals, as written.
    kinds: Vec<String>,
    name: Option<String>,
}

impl Settings {
    fn parse(attribute: TokenStream) -> Result<Self, Mistake> {
        let mut settings = Self { kinds: Vec::new(), name: None };
        let mut tokens = attribute.into_iter();
        while let Some(token) = tokens.next() {
            match &token {
                TokenTree::Literal(kind) if is_string(kind) => settings.kinds.push(kind.to_string()),
                TokenTree::Ident(word) if word.to_string() == "name" => {
                    settings.name = Some(name_value(word.span(), &mut tokens)?);
                }
                _ => return Err(Mistake { span: token.span(), message: EXPECTED }),
            }
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
                Some(other) => return Err(Mistake { span: other.span(), message: "a comma goes here" }),
            }
        }
        if settings.kinds.is_empty() {
            return Err(Mistake { span: Span::call_site(), message: EXPECTED });
        }
        Ok(settings)
    }
}

const EXPECTED: &str = "name the event kinds that the action listens to, as string literals: #[action(\"input\")] or #[action(\"input\", name = \"count-quakes\")]";

fn is_string(literal: &Literal) -> bool {
    literal.to_string().starts_with('"')
}

fn name_value(span: Span, tokens: &mut impl Iterator<Item = TokenTree>) -> Result<String, Mistake> {
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Punct(equals)), Some(TokenTree::Literal(name)))
            if equals.as_char() == '=' && is_string(&name) =>
        {
            Ok(name.to_string())
        }
        _ => Err(Mistake { span, message: "write name = \"…\"" }),
    }
}

/// What the definition of an action takes from its function.
struct Function {
    /// `pub`, `pub(crate)` or nothing: the definition is as visible as the function.
    visibility: TokenStream,
    name: Ident,
    /// What is wrong with it, though it can be defined.
    mistake: Option<Mistake>,
}

impl Function {
    fn parse(item: TokenStream) -> Result<Self, Mistake> {
        let mut visibility = TokenStream::new();
        let mut mistake = None;
        let mut tokens = item.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let TokenTree::Ident(word) = &token else { continue };
            match word.to_string().as_str() {
                "pub" => {
                    visibility.extend([token]);
                    if let Some(TokenTree::Group(scope)) = tokens.peek() {
                        if scope.delimiter() == Delimiter::Parenthesis {
                            visibility.extend(tokens.next());
                        }
                    }
                }
                "async" => {
                    mistake = Some(Mistake {
                        span: word.span(),
                        message: "an action is not async: its calls block, and the host lets other keys go on",
                    });
                }
                "fn" => {
                    let Some(TokenTree::Ident(name)) = tokens.next() else { break };
                    return Ok(Self { visibility, name, mistake });
                }
                _ => {}
            }
        }
        Err(Mistake { span: Span::call_site(), message: "#[action] goes on a function" })
    }
}

/// The action beside its function: an empty type of the same name, for types and functions have namespaces of their own.
fn definition(settings: &Settings, function: &Function) -> TokenStream {
    let name = function.name.to_string();
    let shown = settings.name.clone().unwrap_or_else(|| format!("{:?}", name.trim_start_matches("r#")));
    let kinds = settings.kinds.join(", ");
    let visibility = &function.visibility;
    let text = format!(
        "#[doc(hidden)] #[allow(non_camel_case_types, dead_code, missing_docs)] {visibility} enum {name} {{}}
        impl ::weir_sdk::Action for {name} {{
            const NAME: &'static str = {shown};
            const LISTENS_TO: &'static [&'static str] = &[{kinds}];
            fn invoke(ctx: &::weir_sdk::Context) -> ::weir_sdk::Result {{
                ::weir_sdk::__private::invoke({name}, ctx)
            }}
        }}"
    );
    let tokens: TokenStream = text.parse().expect("the definition is made of tokens");
    with_span(tokens, function.name.span())
}

/// The tokens, shown at the function's name in errors, but with the names of this macro's caller.
fn with_span(tokens: TokenStream, span: Span) -> TokenStream {
    let span = Span::call_site().located_at(span);
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => at(Group::new(group.delimiter(), with_span(group.stream(), span)).into(), span),
            other => at(other, span),
        })
        .collect()
}
