//! `/act`: what an operator does. A form says what is wanted; the answer shows what will be written,
//! before and after, and asks. Who says yes sends the same form with a seal of what was shown, and where
//! that isn't so any more, nothing is written and it is shown anew.

mod access;
mod cleanup;
mod mend;
mod step;

pub(super) use access::meaning;

use super::Request;
use crate::admin::form::Form;
use crate::console::act::{Action, Actor};
use crate::http::response::Response;
use step::{
    ADOPT, ALLOW, APPLY, CREATE, HOLD, IGNORE, IGNORE_KIND, Occasion, RELEASE, RESTORE, REVOKE,
    ROTATE, UNDO,
};

/// Makes it.
pub(in crate::admin) async fn answer(request: &Request<'_>, form: &Form) -> Response {
    let name = request.visitor.name().unwrap_or_default();
    let actor = Actor::Operator { token: name.to_owned(), request_id: request.id.clone() };
    let occasion = Occasion { request, form, actor, seal: form.given("seal") };
    let step = match form.text("do") {
        RESTORE => mend::mend(&occasion, Action::Restore).await,
        ADOPT => mend::mend(&occasion, Action::Adopt).await,
        IGNORE => mend::ignore(&occasion).await,
        IGNORE_KIND => mend::ignore_kind(&occasion).await,
        HOLD => cleanup::hold(&occasion).await,
        RELEASE => cleanup::release(&occasion).await,
        APPLY => cleanup::apply(&occasion).await,
        UNDO => cleanup::undo(&occasion).await,
        ALLOW => access::allow(&occasion).await,
        CREATE => access::create(&occasion).await,
        ROTATE => access::rotate(&occasion).await,
        REVOKE => access::revoke(&occasion).await,
        _ => return request.refused("The form asks for nothing that is known here."),
    };
    step::page(request, step)
}
