"""The translator for the language of the environment, which the help texts of options need."""

from mprelease.i18n import Translator, language_of
from mprelease.settings.environment import requested_language

t = Translator(language_of(requested_language()))
