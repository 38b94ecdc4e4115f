"""What real networks look like, what is done about it, and the test that shows it; a part of the page of measures."""

# ruff: noqa: E501  (a table has the rows that it has)

SITUATIONS = """
## Networks as they are

What real networks and their numbers look like, what is done, and the test that shows it.

| network or numbers | what is done | test |
|---|---|---|
| A module or parameter is reached by several names | the network is left as it was; weights reach every module that holds them | `tests/worker/inputs/test_functional.py::test_every_measure_leaves_a_network_as_it_was` |
| A weight is read in several places, tied, normed or masked; an axis is no axis of units | units are matched where every reader follows; the reordered network must give its own outputs | `tests/worker/permutations/test_orders.py::test_every_order_that_is_found_keeps_the_function` |
| Weights are stored in parts: masks of pruning, weight norm, spectral norm | measures look at the weights that the network computes with | `tests/worker/measures/test_networks_as_they_are.py::test_measures_of_weights_see_the_weights_that_are_computed_with` |
| Float32 features with a mean, units of small scale, many samples, outliers | the same number as in float64 | `tests/worker/measures/test_hostile_inputs.py::test_float32_features_give_what_the_same_numbers_give_in_float64` |
| Silent samples, more units than samples | exact zeros stay zero under a rotation | `tests/worker/measures/test_real_networks.py::test_a_silent_sample_stays_silent_under_a_rotation` |
| Samples at right angles to all others | left out of cosines of cosines, or a reason; 0/0 never counts as 0 | `tests/worker/measures/test_real_networks.py::test_samples_at_right_angles_to_all_others_are_left_out` |
| Equal singular values | no tail, no intruders | `tests/worker/measures/test_real_networks.py::test_equal_singular_values_have_no_tail_and_no_intruders` |
| Softmax inside the network | measures of minima refuse probabilities and take log-probabilities as logits | `tests/worker/measures/test_real_networks.py::test_a_network_with_its_softmax_inside_is_refused` |
| Weights in float64, bfloat16 or float16 | server and library give the same number; derivatives of short types are taken in float32 | `tests/backend/api/test_types_of_weights.py::test_server_and_library_agree_on_every_type` |
| A tensor has two names | it counts once | `tests/worker/inputs/test_effective.py::test_a_tensor_of_two_names_counts_once` |
| Logits of any scale | logits times c have c times the temperature | `tests/worker/measures/test_real_networks.py::test_logits_times_a_factor_have_that_times_the_temperature` |
| Weights as whole numbers without a scale | refused with the tensor's name | `tests/backend/api/test_types_of_weights.py::test_whole_numbers_are_no_weights` |
| Norms that take their statistics from the batch | samples are sent together | `tests/worker/measures/test_real_networks.py::test_a_norm_that_lives_of_its_batch_is_read` |
| Nearly equal outputs | divergences keep their digits | `tests/worker/measures/test_real_networks.py::test_divergence_of_nearly_equal_outputs_keeps_its_digits` |
| Confidences that are shares of votes | they lie on the edges of bins in float32 too | `tests/worker/measures/test_real_networks.py::test_votes_lie_on_the_edges_of_bins_whatever_their_type` |
| Classes ruled out by logits of minus infinity | refused, and told to give probabilities | `tests/worker/measures/test_real_networks.py::test_classes_ruled_out_by_infinite_logits_are_told_the_way` |
| One logit | read as that of the second of two classes | `tests/worker/measures/test_real_networks.py::test_one_logit_is_that_of_the_second_class` |
| Two networks in two types | compared in the longer | `tests/worker/measures/test_real_networks.py::test_networks_of_two_types_are_compared_in_the_longer` |
| PReLU, LSTM, GRU | traces and eigenvalues as of the explicit Hessian | `tests/worker/measures/test_real_networks.py::test_layers_that_cannot_be_mapped_over_samples_have_their_trace` |
| A checkpoint without any usable number in a comparison | its cells have reasons and the rest is done | `tests/backend/api/test_levels.py::test_a_checkpoint_without_any_usable_pair_has_reasons_and_the_rest_is_done` |
| Masks inside norms and norms inside masks; several parametrisations of one weight | put together from the inside; what a file does not describe is refused | `tests/worker/inputs/test_effective.py::test_masks_and_norms_of_one_weight_are_put_together_from_the_inside` |
| One sample far from all others | the number of exact arithmetic | `tests/worker/similarity/test_outliers.py::test_linear_cka_is_that_of_exact_arithmetic` |
| DataParallel, torch.compile | seen through; a script module, lazy layers and the meta device are refused | `tests/worker/measures/test_modules_as_written.py::test_wrappers_are_seen_through` |
| A network changes its samples in place | it gets copies | `tests/worker/measures/test_modules_as_written.py::test_a_network_that_changes_its_samples_gets_copies` |
| Parameters that no pass uses | derivatives of 0 | `tests/worker/measures/test_modules_as_written.py::test_parameters_that_no_pass_uses_change_nothing` |
| Samples of a pass depend on one another | the loss is that of all; a sample alone has neither loss nor gradient | `tests/worker/measures/test_samples_together.py::test_samples_that_depend_on_one_another_have_no_gradients_of_their_own` |
| Hooks on a wrapper, buffers that a forward changes, random draws in it | hooks count; buffers and the random state are as before | `tests/worker/measures/test_modules_as_written.py::test_buffers_and_random_state_are_as_before` |
| Layers of classes of their own | they count where the rule of the layer holds for them, and are named where not | `tests/worker/measures/test_modules_as_written.py::test_layers_of_own_classes_are_in_the_sum` |
| A class that one model rules out and the other does not | infinitely far, however small its probability | `tests/worker/measures/test_real_networks.py::test_what_one_rules_out_and_the_other_does_not_is_infinitely_far` |
| Numbers and tensors that are neither parameters nor buffers | a path whose end is not the second network is refused | `tests/worker/measures/test_modules_as_written.py::test_a_path_whose_end_is_not_the_second_network_is_refused` |
| Any matrix: zeros, constants, one live sample, 1e±200, NaN, one sample, one feature | a number within the card's range, or a sentence | `tests/worker/measures/test_hostile_inputs.py::test_any_matrix_has_a_number_in_range_or_a_sentence` |
"""
